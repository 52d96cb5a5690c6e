"""Labels are what the contract says, or refused with words."""

import pytest

from errand_common import labels


def test_a_line_of_labels_is_read_and_shown() -> None:
    assert labels.parse(" region=eu, gpu=no ,") == {"region": "eu", "gpu": "no"}
    assert labels.parse("") == {}
    assert labels.shown({"region": "eu", "gpu": "no"}) == "gpu=no, region=eu"


def test_every_character_of_the_contract_may_stand_in_a_label() -> None:
    every = "AZaz09-_./"
    assert labels.check({every: every, "k" * 63: "v" * 63}) == {every: every, "k" * 63: "v" * 63}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gpu", '"gpu" is no label; one looks like region=eu'),
        ("gpu=yes,gpu=no", 'the label "gpu" is given twice'),
        ("gpu=", '"gpu=" is no label'),
        ("=yes", '"=yes" is no label'),
        ("gpu=a b", "letters, digits"),
        ("gpu=ä", "letters, digits"),
        ("a=b=c", '"a=b=c" is no label'),
        (f"{'k' * 64}=v", "1 to 63"),
        (",".join(f"k{number}=v" for number in range(33)), "33 labels are given; the most is 32"),
    ],
)
def test_a_wrong_label_is_refused_with_what_was_found(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="label") as refused:
        labels.parse(text)
    assert words in str(refused.value)


def test_as_many_as_the_contract_allows_are_taken() -> None:
    assert len(labels.parse(",".join(f"k{number}=v" for number in range(32)))) == 32
