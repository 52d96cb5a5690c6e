"""Which conversation two releases have."""

import pytest

from errand_common.protocol import BEFORE_NUMBERS, OURS, Protocol


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ((1, 1), (1, 2), 1),
        ((1, 2), (2, 3), 2),
        ((1, 3), (1, 2), 2),
        ((1, 1), (2, 2), None),
        ((4, 5), (1, 3), None),
    ],
)
def test_the_newest_that_both_know(one: tuple[int, int], other: tuple[int, int], common: int | None) -> None:
    assert Protocol(*one).common(Protocol(*other)) == Protocol(*other).common(Protocol(*one)) == common


def test_this_release_works_with_the_one_before_there_were_numbers() -> None:
    assert OURS.common(BEFORE_NUMBERS) is not None
