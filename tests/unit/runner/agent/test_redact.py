"""Secrets stay out of text."""

from hypothesis import given
from hypothesis import strategies as st

from errand_runner.agent.redact import MASK, Redactor, StreamRedactor

SECRETS = ("aaaaaaab", "aaaaaaabcc", "babababab")


@given(st.text("abc", max_size=80), st.lists(st.integers(0, 80), max_size=8))
def test_a_stream_masks_what_the_whole_text_masks(text: str, cuts: list[int]) -> None:
    stream = StreamRedactor(Redactor(SECRETS))
    places = sorted({min(cut, len(text)) for cut in cuts})
    pieces = [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]
    out = "".join(stream.feed(piece) for piece in pieces) + stream.close()
    assert not any(secret in out for secret in SECRETS)
    if len(pieces) == 1:
        assert out == Redactor(SECRETS).text(text)


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert Redactor(SECRETS).text("x aaaaaaabcc y") == f"x {MASK} y"


def test_bytes_are_masked_too() -> None:
    assert Redactor(["sécret-sécret"]).data("x sécret-sécret y".encode()) == f"x {MASK} y".encode()


def test_a_secret_learnt_later_is_masked() -> None:
    redactor = Redactor()
    redactor.add("later-later")
    assert redactor.text("later-later") == MASK


def test_a_short_value_is_not_worth_garbling_everything() -> None:
    assert Redactor(["test", ""]).text("a test") == "a test"


def test_its_repr_tells_nothing() -> None:
    assert repr(Redactor(SECRETS)) == "Redactor(3 values)"
