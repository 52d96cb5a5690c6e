import pytest

from pricing.discount import discounted


def test_no_discount_leaves_the_price() -> None:
    assert discounted(1999, 0) == 1999


def test_a_full_discount_is_free() -> None:
    assert discounted(1999, 100) == 0


def test_less_than_half_a_cent_is_dropped() -> None:
    # 999 less 15 % is 849.15.
    assert discounted(999, 15) == 849


def test_half_a_cent_rounds_up() -> None:
    # 995 less 10 % is 895.5.
    assert discounted(995, 10) == 896


def test_more_than_everything_cannot_be_taken_off() -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        discounted(1999, 101)
