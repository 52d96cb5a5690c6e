"""What is done when the disk runs full, from what is free and who has what."""

import pytest

from errand_runner.book import Holding
from errand_runner.watermark import End, Go, Marks, Remove, Stop, Writer, decide, marks_of, why_given_up

MARKS = Marks(stop_bytes=100, go_bytes=200)
OLD, NEW = Holding("tsk_1", "wsp_1", 0, 1), Holding("tsk_2", "wsp_2", 0, 2)
LITTLE, MUCH, UNKNOWN = Writer("att_1", 5), Writer("att_2", 9), Writer("att_3", None)


@pytest.mark.parametrize(
    ("free", "standing", "idle", "writers", "wanted"),
    [
        (1000, False, [], [], None),
        (100, False, [OLD], [MUCH], None),
        # Before anything is removed or ended.
        (99, False, [OLD], [MUCH], Stop()),
        (0, False, [], [], Stop()),
        (99, True, [OLD, NEW], [MUCH], Remove(OLD)),
        # Above the mark at which it stopped, below the one at which it goes on.
        (199, True, [NEW], [], Remove(NEW)),
        (200, True, [OLD], [MUCH], Go()),
        (99, True, [], [LITTLE, MUCH, UNKNOWN], End(MUCH)),
        (99, True, [], [UNKNOWN, Writer("att_4", None)], End(Writer("att_4", None))),
        (99, True, [], [Writer("att_5", -7)], End(Writer("att_5", -7))),
        (99, True, [], [], None),
    ],
)
def test_what_is_done(free, standing, idle, writers, wanted):
    assert decide(free, MARKS, standing=standing, idle=idle, writers=writers) == wanted


def test_the_marks_lie_below_what_new_work_wants_and_apart():
    marks = marks_of(1 << 30)

    assert 0 < marks.stop_bytes < marks.go_bytes < 1 << 30
    assert marks_of(0) == Marks(0, 0)


def test_the_words_say_what_was_written_where_that_is_known():
    assert "written most (9 bytes lately): it was ended" in why_given_up(MUCH)
    assert "written most: it was ended" in why_given_up(UNKNOWN)
