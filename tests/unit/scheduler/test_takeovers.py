"""Two processes that act as one runner are told from one that restarts."""

import pytest

from errand_scheduler.placing import seats
from errand_scheduler.store.runners import Runner
from tests.unit.scheduler.door import QUARANTINE_S, Door
from tests.unit.scheduler.world import RUNNER


def test_two_processes_that_fight_are_quarantined_and_the_last_winner_keeps_its_session() -> None:
    door = Door()
    for nonce in ("a", "b", "a"):
        door.session(nonce)
    winner = door.session("b")
    with door.sessions.watched(winner):
        assert door.condition() == ""
        quarantine = door.sessions.judge(RUNNER, "a")
        assert quarantine is not None
        assert quarantine.begins
        assert quarantine.left_s == QUARANTINE_S
        assert door.condition() == seats.QUARANTINED
    assert door.sessions.current(RUNNER, winner.session_id) is winner
    again = door.sessions.judge(RUNNER, "b")
    assert again is not None
    assert not again.begins


def test_a_quarantine_ends_by_itself_and_being_refused_does_not_prolong_it() -> None:
    door = Door()
    for nonce in ("a", "b", "a", "b", "a"):
        door.enters(nonce)
    door.clock.move(QUARANTINE_S - 1)
    assert door.left_s("a") == 1
    door.clock.move(1)
    assert door.left_s("a") == 0
    assert door.enters("a") is not None


def test_after_a_quarantine_takeovers_count_from_the_beginning() -> None:
    door = Door()
    for nonce in ("a", "b", "a", "b", "a"):
        door.enters(nonce)
    door.clock.move(QUARANTINE_S)
    assert [door.enters(nonce) is not None for nonce in ("a", "b", "a")] == [True, True, False]


def test_returns_that_are_far_apart_are_no_fight() -> None:
    door = Door()
    for number in range(20):
        assert door.enters("ab"[number % 2]) is not None
        door.clock.move(QUARANTINE_S / 2 + 1)


def test_a_runner_that_restarts_again_and_again_fights_nobody() -> None:
    door = Door()
    for number in range(20):
        assert door.enters(f"process-{number}") is not None


def test_a_process_that_connects_again_and_again_is_no_fight() -> None:
    door = Door()
    for _ in range(20):
        assert door.enters("one") is not None


def test_a_restart_of_the_scheduler_does_not_end_a_quarantine() -> None:
    door = Door()
    ago_us = door.clock.now_us() - int((QUARANTINE_S - 7) * 1e6)
    door.sessions.restore([Runner(RUNNER, "box", quarantined_time=ago_us), Runner("rnr_2", "other")])
    assert door.left_s("one") == pytest.approx(7)
    assert door.sessions.judge("rnr_2", "one") is None


def test_a_clock_that_was_set_back_before_a_start_does_not_make_a_quarantine_longer() -> None:
    door = Door()
    ahead_us = door.clock.now_us() + 10**12
    door.sessions.restore([Runner(RUNNER, "box", quarantined_time=ahead_us)])
    assert door.left_s("one") == QUARANTINE_S
