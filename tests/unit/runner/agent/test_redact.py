"""Secrets stay out of text."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errand_runner.agent.redact import MASK, Redactor, StreamRedactor

SECRETS = ("aaaaaaab", "aaaaaaabcc", "babababab", "ccaaaaaaa")
LONG = 16_000


def in_pieces(redactor: Redactor, text: str, cuts: Sequence[int]) -> str:
    stream = StreamRedactor(redactor)
    places = sorted({min(cut, len(text)) for cut in cuts})
    pieces = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
    return "".join(stream.feed(piece) for piece in pieces) + stream.close()


def by_hand(text: str, secrets: Sequence[str]) -> str:
    """Every place looked at: what a secret covers goes, and a mask stands where the covered begins."""
    spans = sorted((at, at + len(each)) for each in secrets for at in range(len(text)) if text.startswith(each, at))
    out, done = "", 0
    for start, end in spans:
        if start >= done:
            out += text[done:start] + MASK
        done = max(done, end)
    return out + text[done:]


@given(st.text("abc", max_size=80), st.lists(st.integers(0, 80), max_size=8))
def test_a_stream_masks_what_the_whole_text_masks_and_that_is_every_secret(text: str, cuts: list[int]) -> None:
    wanted = by_hand(text, SECRETS)
    assert Redactor(SECRETS).text(text) == wanted
    assert in_pieces(Redactor(SECRETS), text, cuts) == wanted


@given(st.lists(st.sampled_from([*SECRETS, "a", "ab", "c", "\n"]), max_size=12), st.data())
def test_a_stream_masks_every_secret_where_nearly_all_is_secret(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    assert in_pieces(Redactor(SECRETS), text, cuts) == by_hand(text, SECRETS)


@given(st.lists(st.text("ab", min_size=8, max_size=14), max_size=4), st.text("ab", max_size=60))
def test_a_stream_masks_any_secrets_character_by_character(secrets: list[str], text: str) -> None:
    assert in_pieces(Redactor(secrets), text, range(60)) == by_hand(text, secrets)


@given(st.text("abc", max_size=60), st.lists(st.integers(0, 60), max_size=4))
def test_what_is_no_secret_comes_whole_out_of_a_stream(text: str, cuts: list[int]) -> None:
    assert in_pieces(Redactor(["not-among-these"]), text, cuts) == text


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("a" * LONG, "a" * 300_000),
        ("a" * LONG + "b", "a" * 300_000),
        ("a" * LONG + "b", ("a" * (LONG - 1) + "c") * 20),
        ("ab" * LONG, "ab" * 150_000),
    ],
)
@pytest.mark.parametrize("piece", [300_000, 4_096])
def test_the_time_it_takes_grows_with_the_text_alone(secret: str, text: str, piece: int) -> None:
    stream, started_s = StreamRedactor(Redactor([secret])), time.process_time()
    for at in range(0, len(text), piece):
        stream.feed(text[at : at + piece])
    stream.close()
    # A tenth of this is usual. Where each place is compared with the whole secret it is minutes.
    assert time.process_time() - started_s < 5


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert Redactor(SECRETS).text("x aaaaaaabcc y") == f"x {MASK} y"


def test_two_secrets_that_share_letters_are_under_one_mask() -> None:
    assert Redactor(["first-half", "half-second"]).text("x first-half-second y") == f"x {MASK} y"


def test_a_mask_is_not_held_back_for_what_may_follow() -> None:
    stream = StreamRedactor(Redactor(["aaaaaaaa"]))
    assert stream.feed("x" + "a" * 8) == f"x{MASK}"
    assert stream.feed("a" * 100) == ""
    assert stream.feed("y") == "y"


def test_what_is_fed_after_the_end_is_another_text() -> None:
    stream = StreamRedactor(Redactor(["the-secret"]))
    assert stream.feed("the-") + stream.close() == "the-"
    assert stream.feed("secret") + stream.close() == "secret"


def test_a_secret_learnt_later_is_masked() -> None:
    redactor = Redactor()
    stream = StreamRedactor(redactor)
    assert stream.feed("later") == "later"
    redactor.add("later-later")
    assert stream.feed("later-") + stream.feed("later") + stream.close() == MASK


def test_a_secret_is_known_without_the_white_space_that_shells_drop() -> None:
    assert Redactor(["key-of-two\nlines\n"]).text("<key-of-two\nlines>") == f"<{MASK}>"


def test_a_short_value_is_not_worth_garbling_everything() -> None:
    assert Redactor(["test", "seven-7", ""]).text("a test of seven-7") == "a test of seven-7"


def test_its_repr_tells_nothing() -> None:
    assert repr(Redactor(SECRETS)) == "Redactor(4 values)"
