"""What a process wrote down of its sandboxes, the next one knows, whenever it was killed."""

import pytest

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.journal import Entry, Journal, JournalFailed

IDS = Ids(Clock())
ATTEMPT = IDS.new("att")


def entry(attempt_id=ATTEMPT):
    return Entry(IDS.new("sbx"), attempt_id)


def test_a_sandbox_is_known_before_and_after_its_container_is_made(tmp_path):
    first = entry()
    journal = Journal(tmp_path)
    journal.prepare(first)
    assert Journal(tmp_path).entries == (first,)

    journal.created(first.sandbox_id, "c0ffee")
    assert Journal(tmp_path).take_up(ATTEMPT) == Entry(first.sandbox_id, ATTEMPT, "c0ffee")


def test_what_is_over_leaves_nothing(tmp_path):
    first = entry()
    journal = Journal(tmp_path)
    journal.prepare(first)
    journal.forget(first.sandbox_id)
    journal.forget(first.sandbox_id)

    assert list(tmp_path.iterdir()) == []
    assert Journal(tmp_path).entries == ()


def test_what_an_earlier_process_left_is_taken_up_once(tmp_path):
    first = entry()
    Journal(tmp_path).prepare(first)
    journal = Journal(tmp_path)
    assert not journal.at_work(first.sandbox_id)

    assert journal.take_up(IDS.new("att")) is None
    assert journal.take_up(ATTEMPT) == first
    assert journal.take_up(ATTEMPT) is None
    assert journal.at_work(first.sandbox_id)


def test_what_this_process_opened_is_not_left_by_an_earlier_one(tmp_path):
    journal = Journal(tmp_path)
    mine = entry()
    journal.prepare(mine)

    assert journal.take_up(ATTEMPT) is None
    assert journal.at_work(mine.sandbox_id)


def test_a_write_that_was_cut_off_left_no_sandbox(tmp_path):
    (tmp_path / f"{IDS.new('sbx')}.part").write_text('{"sandbox')

    assert Journal(tmp_path).entries == ()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_down_is_not_made(tmp_path):
    journal = Journal(tmp_path / "sandboxes")
    (tmp_path / "sandboxes").rmdir()

    with pytest.raises(JournalFailed, match="see to the disk that holds ERRAND_DATA"):
        journal.prepare(entry())
    assert journal.entries == ()
