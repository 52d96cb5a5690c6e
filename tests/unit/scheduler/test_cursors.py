"""Cursors name an event of one history."""

import pytest

from errand_common.errors import Invalid
from errand_scheduler.watching.cursors import Cursors

CURSORS = Cursors("ab12")


def test_a_cursor_is_read_as_it_was_written() -> None:
    assert CURSORS.read(CURSORS.write(7), head=9) == 7


def test_no_cursor_is_the_beginning() -> None:
    assert CURSORS.read("", head=9) == 0


@pytest.mark.parametrize("cursor", ["ffff.7", "ab12.10"])
def test_one_of_another_history_or_beyond_its_end_names_nothing(cursor: str) -> None:
    assert CURSORS.read(cursor, head=9) is None


@pytest.mark.parametrize("cursor", ["7", "ab12.", "ab12.x", "ab12.-1", "ab12.²", ".7", "ab12." + "9" * 30])
def test_what_never_was_a_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        CURSORS.read(cursor, head=9)
