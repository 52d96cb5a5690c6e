"""Of two processes that act as one runner, only the one that told the last of an attempt has all of it."""

from errand_scheduler.tellers import Tellers


def test_a_process_that_comes_back_lacks_what_another_told() -> None:
    tellers = Tellers()
    tellers.told("att_1", "copy")
    assert tellers.another("att_1", "one")
    assert not tellers.another("att_1", "copy")
    assert not tellers.another("att_2", "one")


def test_what_was_told_before_a_process_started_both_have() -> None:
    tellers = Tellers()
    tellers.told("att_1", "one")
    tellers.handed_on("att_1")
    assert not tellers.another("att_1", "copy")


def test_nothing_is_kept_of_an_attempt_that_is_over() -> None:
    tellers = Tellers()
    tellers.told("att_1", "one")
    tellers.over("att_1")
    assert tellers._tellers == {}
