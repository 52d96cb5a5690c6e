"""A runner that lets offers pass rests, and is remembered to have let them pass."""

from errand_common.values import AttemptPhase
from errand_scheduler.lifecycle.deadlines import NOT_ACCEPTED
from errand_scheduler.placing import seats
from tests.unit.scheduler.door import Door, attempt
from tests.unit.scheduler.world import DURATIONS


def lets_pass(door: Door, *task_ids: str) -> str:
    """Offers that the runner lets expire; returns what keeps it from work then."""
    for task_id in task_ids:
        expired = attempt(task_id, AttemptPhase.WITHDRAWN)._replace(reason=NOT_ACCEPTED)
        assert not door.sessions.moved(expired, AttemptPhase.OFFERED)
    return door.condition()


def test_a_runner_that_lets_three_offers_pass_rests_longer_each_time_that_it_goes_on() -> None:
    door = Door()
    session = door.session("one")
    with door.sessions.watched(session):
        assert lets_pass(door, "a", "a") == ""
        for beats in (12, 24, 48, 60, 60):
            assert lets_pass(door, "a") == seats.RESTING
            door.clock.move(beats * DURATIONS.beat_s - 1)
            door.sessions.heard(session)
            assert door.condition() == seats.RESTING
            door.clock.move(1)
            assert door.condition() == ""


def test_offers_that_pass_while_a_runner_rests_do_not_prolong_it() -> None:
    door = Door()
    session = door.session("one")
    with door.sessions.watched(session):
        assert lets_pass(door, *"abcdefgh") == seats.RESTING
        door.clock.move(12 * DURATIONS.beat_s)
        door.sessions.heard(session)
        assert door.condition() == ""


def test_an_accept_clears_what_a_runner_let_pass() -> None:
    door = Door()
    with door.sessions.watched(door.session("one")):
        lets_pass(door, "a", "b")
        assert [seat.let_pass for seat in door.sessions.seats([])] == [{"a", "b"}]
        door.sessions.moved(attempt("c", AttemptPhase.ACCEPTED), AttemptPhase.OFFERED)
        assert [seat.let_pass for seat in door.sessions.seats([])] == [frozenset()]
        assert lets_pass(door, "a", "b") == ""


def test_what_passes_while_a_runner_is_away_is_not_held_against_it() -> None:
    door = Door()
    session = door.session("one")
    with door.sessions.watched(session):
        door.clock.move(DURATIONS.silent_s + 1)
        lets_pass(door, *"abc")
        door.sessions.heard(session)
        assert door.condition() == ""


def test_an_offer_that_a_person_took_back_was_not_let_pass() -> None:
    door = Door()
    with door.sessions.watched(door.session("one")):
        for task_id in "abc":
            door.sessions.moved(attempt(task_id, AttemptPhase.WITHDRAWN), AttemptPhase.OFFERED)
        assert door.condition() == ""
        assert [seat.let_pass for seat in door.sessions.seats([])] == [frozenset()]


def test_of_what_a_runner_let_pass_the_latest_is_remembered() -> None:
    door = Door()
    door.session("one")
    lets_pass(door, *(f"tsk_{number}" for number in range(500)))
    (seat,) = door.sessions.seats([])
    assert seat.let_pass == {f"tsk_{number}" for number in range(300, 500)}
