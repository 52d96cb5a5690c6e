"""What becomes of a command's bytes, however they are cut."""

from hypothesis import given
from hypothesis import strategies as st

from errand_runner.agent.redact import MASK, Redactor
from errand_runner.agent.tools.output import LIVE_CHARS, LIVE_PIECE_CHARS, CommandOutput, Digest
from errand_runner.agent.tools.stream import clean

SECRET = "s3cret-s3cret-s3cret"
FRAGMENTS = st.sampled_from(
    [
        "plain ",
        "ünï 你好 ",
        "\x1b[31mred\x1b[0m ",
        "\x1b]0;title\x07",
        "\n",
        "\r\n",
        "\r",
        "\0",
        SECRET,
        SECRET[:12],
        "\x1b",
    ]
)


def feed(pieces: list[bytes], *, secrets: tuple[str, ...] = (SECRET,)) -> tuple[str, str]:
    output = CommandOutput(Redactor(secrets))
    live = [piece for data in pieces for piece in output.feed(1, data)] + output.close()
    assert all(0 < len(piece) <= LIVE_PIECE_CHARS for piece in live)
    return "".join(live), output.result()


@given(st.lists(FRAGMENTS, max_size=30), st.lists(st.integers(0, 400), max_size=10))
def test_where_the_bytes_are_cut_changes_nothing(fragments: list[str], cuts: list[int]) -> None:
    data = "".join(fragments).encode()
    places = sorted({min(cut, len(data)) for cut in cuts})
    pieces = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    live, result = feed(pieces)
    whole_live, whole = feed([data])
    assert result == whole
    assert live == whole_live or b"\r" in data
    assert SECRET not in live + result
    assert not set("\0\x1b\r") & set(live + result)


def test_a_flood_is_live_up_to_a_limit_and_has_its_end_all_the_same() -> None:
    live, result = feed([b"a line of a log\n" * 1_000] * 100 + [b"the end\n"])
    assert len(live) == LIVE_CHARS
    assert result.endswith("the end")


def test_colours_titles_and_controls_are_dropped() -> None:
    assert feed([b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07\x1b(Bplain\x08\x07\n"])[1] == "red plain"
    assert clean("\x1b[1;31mred\x1b[0m\r\nnext\rlast\0") == "red\nnext\nlast"


def test_a_progress_bar_leaves_its_last_state() -> None:
    assert feed([b"start\n10%\r", b"55%\r", b"100%\r\nend\n"])[1] == "start\n100%\nend"


def test_invalid_utf8_is_shown_as_such() -> None:
    assert feed([b"a\xffb\xc3"])[1] == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"


def test_an_escape_that_never_ends_hides_nothing() -> None:
    assert "visible" in feed([b"\x1b]", b"x" * 5000, b"\nvisible"])[1]


def test_a_secret_is_masked_though_the_other_stream_speaks_in_its_middle() -> None:
    output = CommandOutput(Redactor([SECRET]))
    half = len(SECRET) // 2
    live = [
        *output.feed(1, SECRET[:half].encode()),
        *output.feed(2, b"other\n"),
        *output.feed(1, SECRET[half:].encode()),
        *output.close(),
    ]
    assert MASK in "".join(live)
    assert SECRET[half:] not in "".join(live)


def test_a_line_without_end_fills_nothing() -> None:
    digest = Digest()
    for _ in range(100):
        digest.feed("x" * 10_000)
    assert len(digest.text()) < 2_100
    assert "line cut" in digest.text()


@given(st.lists(st.text("ab", max_size=300), max_size=600))
def test_a_digest_counts_what_it_leaves_out(lines: list[str]) -> None:
    digest = Digest()
    text = "".join(f"{line}\n" for line in lines)
    digest.feed(text)
    shown = digest.text()
    if "left out" not in shown:
        assert shown == text.removesuffix("\n")
        return
    head, _, rest = shown.partition("\n[... ")
    gap, _, tail = rest.partition("]\n")
    count = int(gap.split(" lines")[0].replace(",", ""))
    assert text.startswith(head)
    assert text.endswith(f"{tail}\n")
    assert head.count("\n") + tail.count("\n") + 2 + count == len(lines)
