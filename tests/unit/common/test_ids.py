"""Ids sort by time, are unlike one another, and are legal where they are used."""

import re

from errand_common.clock import Clock
from errand_common.ids import Ids, is_id


class FixedClock(Clock):
    def __init__(self, now_us: int) -> None:
        self.time_us = now_us

    def now_us(self) -> int:
        return self.time_us


def test_an_id_is_legal_as_container_name_and_in_a_branch():
    made = Ids(Clock()).new("tsk")

    assert re.fullmatch(r"tsk_[0-9a-z]{26}", made)
    assert is_id(made, "tsk")
    assert not is_id(made, "att")


def test_later_ids_sort_later():
    clock = FixedClock(1_000_000)
    ids = Ids(clock)
    first = ids.new("evt")
    clock.time_us += 1000

    assert first < ids.new("evt")


def test_ids_of_one_millisecond_differ():
    ids = Ids(FixedClock(1_700_000_000_000_000))

    assert len({ids.new("msg") for _ in range(1000)}) == 1000


def test_the_time_is_the_ulid_time():
    made = Ids(FixedClock(1_469_918_176_385_000), lambda size: bytes(size)).new("tsk")

    # The example of the ULID specification: 2016-07-30T22:36:16.385Z is 01ARYZ6S41.
    assert made == "tsk_01aryz6s41" + "0" * 16


def test_what_is_no_id_is_told():
    for text in ("tsk_", "tsk_01aryz6s4", "tsk_01ARYZ6S410000000000000000", "tsk_81aryz6s410000000000000000", "../etc"):
        assert not is_id(text, "tsk")
