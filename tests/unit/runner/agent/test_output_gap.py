"""At the edges of output that is left out no part of a secret is shown."""

import pytest

from errand_runner.agent.redact import MASK, Redactor
from errand_runner.agent.tools.output import CommandOutput
from errand_runner.sandbox.answers import Gap, Kept

SECRET = "ghs_c0ffeec0ffeec0ffee"
OTHER = "tok_1234567890"


@pytest.mark.parametrize("cut", range(1, len(SECRET)))
def test_a_secret_that_the_gap_cuts_is_not_shown(cut: int) -> None:
    output = CommandOutput(Redactor([SECRET, OTHER]))
    live = output.feed(1, f"before\n{SECRET[:cut]}".encode())
    output.skip(Gap(100, 1))
    live += output.feed(1, f"{SECRET[cut:]}{SECRET} and {'y' * 30}\nafter\n".encode())
    live += output.close()
    for text in ("".join(live), output.result()):
        assert "before\n" in text
        assert "after" in text
        pieces = text.replace(MASK, "")
        assert not [at for at in range(len(SECRET) - 3) if SECRET[at : at + 4] in pieces]


def test_what_is_not_shown_at_the_edges_is_counted() -> None:
    output = CommandOutput(Redactor([SECRET]))
    output.feed(1, b"before\nghs_")
    output.skip(Gap(100, 1))
    output.feed(1, SECRET[-5:].encode() + b"shown\n")
    output.close()
    assert "\nshown" in output.result()
    assert output.dropped_bytes == len("ghs_") + 100 + 5


def test_what_is_no_part_of_a_secret_is_shown_however_long_that_is() -> None:
    output = CommandOutput(Redactor(["k" * 16_000 + "-end"]))
    output.skip(Gap(100, 1))
    live = output.feed(1, b"the last words\n") + output.close()
    assert "".join(live) == "the last words\n"


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (Kept(500, 500, "/out/1.log", ""), "The whole output is in /out/1.log: "),
        (Kept(5_000, 500, "/out/1.log", ""), "The first 500 of its 5,000 bytes are in /out/1.log."),
        (Kept(5_000, 500, "/out/1.log", "disk full"), "in /out/1.log; the rest could not be kept: disk full."),
        (Kept(5_000, 9, "", "read-only"), "The output could not be kept: read-only."),
        (None, "send the output to a file"),
    ],
)
def test_the_gap_says_where_the_rest_is(kept: Kept | None, words: str) -> None:
    output = CommandOutput(Redactor())
    output.feed(1, b"one\n")
    output.skip(Gap(496, 3))
    output.feed(1, b"last\n")
    output.close()
    one, gap, last = output.result(kept).split("\n")
    assert (one, last) == ("one", "last")
    assert gap.startswith("[... 3 lines, 496 characters left out here. ")
    assert words in gap
