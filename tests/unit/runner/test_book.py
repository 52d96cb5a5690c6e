"""Whose a workspace is survives the process at any point, and no workspace is ever two tasks'."""

import json
import os

import pytest

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.book import Book, Holding
from errand_runner.journal import JournalFailed

IDS = Ids(Clock())
TASK, OTHER = IDS.new("tsk"), IDS.new("tsk")
WORKSPACE = IDS.new("wsp")


class Noon(Clock):
    """Moves as it is told."""

    us = 1_000_000

    def now_us(self):
        return self.us


@pytest.fixture
def clock():
    return Noon()


@pytest.fixture
def book(tmp_path, clock):
    return Book(tmp_path, clock)


def test_what_a_task_has_the_next_process_knows_and_since_when_and_when_it_was_used(book, tmp_path, clock):
    book.give(TASK, WORKSPACE)
    clock.us += 5
    book.used(TASK)

    assert Book(tmp_path, clock).of(TASK) == Holding(TASK, WORKSPACE, since_us=1_000_000, used_us=1_000_005)


def test_whether_the_git_host_has_all_of_it_the_next_process_knows(book, tmp_path, clock):
    assert book.give(TASK, WORKSPACE).saved
    book.note_saved(TASK, False)
    clock.us += 5
    book.used(TASK)
    assert [each.saved for each in Book(tmp_path, clock).holdings] == [False]

    book.note_saved(TASK, True)
    assert [each.saved for each in Book(tmp_path, clock).holdings] == [True]


def test_of_a_record_that_says_nothing_of_it_nothing_is_taken_for_saved(book, tmp_path, clock):
    book.give(TASK, WORKSPACE)
    record = tmp_path / f"{TASK}.json"
    told = json.loads(record.read_text())
    del told["saved"]
    record.write_text(json.dumps(told))

    assert [each.saved for each in Book(tmp_path, clock).holdings] == [False]


def test_a_workspace_is_not_given_twice(book):
    book.give(TASK, WORKSPACE)

    with pytest.raises(AssertionError):
        book.give(OTHER, WORKSPACE)
    assert book.of(OTHER) is None


def test_a_task_that_is_given_another_workspace_has_that_alone(book, tmp_path, clock):
    book.give(TASK, WORKSPACE)
    book.give(TASK, another := IDS.new("wsp"))

    following = Book(tmp_path, clock)
    assert [each.workspace_id for each in following.holdings] == [another]
    assert not following.names(WORKSPACE)


def test_what_is_forgotten_leaves_nothing(book, tmp_path, clock):
    book.give(TASK, WORKSPACE)
    book.forget(TASK)
    book.forget(TASK)
    book.used(TASK)

    assert os.listdir(tmp_path) == []
    assert Book(tmp_path, clock).holdings == ()


def test_a_record_that_was_half_written_leaves_the_one_before(book, tmp_path, clock):
    book.give(TASK, WORKSPACE)
    (tmp_path / f".{TASK}.json").write_text('{"task_i')

    following = Book(tmp_path, clock)

    assert following.names(WORKSPACE)
    assert following.whole
    assert os.listdir(tmp_path) == [f"{TASK}.json"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"task_id": "another", "workspace_id": "wsp_x", "since_us": 1, "used_us": 1}',
        '{"task_id": "TASK", "workspace_id": 7, "since_us": 1, "used_us": 1}',
        '{"task_id": "TASK", "workspace_id": "wsp_x", "since_us": "today", "used_us": 1}',
    ],
)
def test_what_cannot_be_read_is_left_alone_and_the_book_says_that_it_is_not_whole(tmp_path, clock, content):
    content = content.replace("TASK", TASK)
    (tmp_path / f"{TASK}.json").write_text(content)

    book = Book(tmp_path, clock)

    assert (book.whole, book.of(TASK)) == (False, None)
    assert (tmp_path / f"{TASK}.json").read_text() == content


def test_of_two_records_that_name_one_workspace_only_one_counts(book, tmp_path, clock):
    book.give(TASK, WORKSPACE)
    copy = (tmp_path / f"{TASK}.json").read_text().replace(TASK, OTHER)
    (tmp_path / f"{OTHER}.json").write_text(copy)

    following = Book(tmp_path, clock)

    assert [each.workspace_id for each in following.holdings] == [WORKSPACE]
    assert not following.whole


def test_what_could_not_be_written_down_was_not_given(book, tmp_path):
    tmp_path.rmdir()

    with pytest.raises(JournalFailed, match="see to the disk that holds ERRAND_DATA"):
        book.give(TASK, WORKSPACE)
    assert book.of(TASK) is None


def test_it_is_in_use_while_any_attempt_works_in_it(book):
    with book.in_use(TASK):
        with book.in_use(TASK):
            assert book.is_in_use(TASK)
        assert book.is_in_use(TASK)
        assert not book.is_in_use(OTHER)
    assert not book.is_in_use(TASK)
