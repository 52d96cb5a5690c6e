"""Runner sessions: the last one wins, and work is offered to one that is known, reads and is heard."""

import pytest

from errand_common.errors import Conflict
from errand_common.values import AttemptPhase
from errand_scheduler.placing import seats
from errand_scheduler.runners import Arrival
from tests.unit.scheduler.door import QUARANTINE_S, Door, attempt
from tests.unit.scheduler.world import DURATIONS, RUNNER


def test_the_last_session_wins_and_the_older_one_is_told() -> None:
    door = Door()
    old, young = door.session("old"), door.session("young")
    assert old.superseded
    assert old.changed.is_set()
    assert door.sessions.current(RUNNER, young.session_id) is young
    with pytest.raises(Conflict) as refused:
        door.sessions.current(RUNNER, old.session_id)
    assert refused.value.reason == "SESSION_SUPERSEDED"


def test_a_process_that_connects_again_keeps_its_session_and_is_not_newly_started() -> None:
    door = Door()
    first, newly_started = door.enters("one") or pytest.fail("refused")
    again, newly_started_again = door.enters("one", slots=5) or pytest.fail("refused")
    assert (newly_started, newly_started_again) == (True, False)
    assert again is first
    assert not first.superseded
    assert [seat.slots for seat in door.sessions.seats([])] == [5]


def test_one_whose_inventory_was_not_stored_counts_as_newly_started_still() -> None:
    door = Door()
    arrival = Arrival(runner_id=RUNNER, name="box", nonce="one", slots=2)
    door.sessions.open(arrival)
    _, newly_started = door.sessions.open(arrival)
    assert newly_started


def test_a_process_of_before_that_comes_back_is_known() -> None:
    door = Door()
    for nonce in ("one", "two"):
        door.session(nonce)
    assert door.enters("one") == (door.sessions.current(RUNNER, door.session("one").session_id), False)


def test_a_process_that_comes_back_after_another_is_to_be_judged_until_that_is_stored() -> None:
    door = Door()
    door.session("one")
    door.session("two")
    arrival = Arrival(runner_id=RUNNER, name="box", nonce="one", slots=2)
    for _ in range(2):
        session, newly_started = door.sessions.open(arrival)
        assert (newly_started, session.known) == (False, False)
    door.sessions.settle(session)
    assert door.sessions.open(arrival)[0].known


def test_nothing_is_offered_before_the_inventory_is_stored_and_the_stream_is_open() -> None:
    door = Door()
    arrival = Arrival(runner_id=RUNNER, name="box", nonce="one", slots=2)
    session, _ = door.sessions.open(arrival)
    with door.sessions.watched(session):
        assert door.condition() == seats.CONNECTING
        door.sessions.settle(session)
        assert door.condition() == ""
        door.sessions.open(arrival)
        assert door.condition() == seats.CONNECTING
    door.sessions.settle(session)
    assert door.condition() == seats.CONNECTING


def test_a_runner_whose_stream_ended_is_gone_at_once() -> None:
    door = Door()
    session = door.session("one")
    with door.sessions.watched(session):
        session.watch_number += 1
        assert door.condition() == ""
    assert door.condition() == seats.NOT_CONNECTED


def test_a_silent_runner_is_offered_nothing_until_it_is_heard() -> None:
    door = Door()
    session = door.session("one")
    with door.sessions.watched(session):
        door.clock.move(DURATIONS.silent_s + 1)
        assert door.condition() == seats.SILENT
        assert door.sessions.heard(session)
        assert door.condition() == ""


def test_what_a_runner_has_is_taken_off_its_slots() -> None:
    door = Door()
    door.session("one")
    (seat,) = door.sessions.seats([attempt("a", AttemptPhase.OFFERED), attempt("b", AttemptPhase.STOPPING)])
    assert (seat.free, seat.labels) == (0, (("gpu", "yes"),))


def test_what_is_remembered_of_a_runner_is_bounded() -> None:
    door = Door()
    for number in range(500):
        door.enters(f"process-{number}")
        door.clock.move(QUARANTINE_S)
    kept = [len(nonces) for nonces in door.sessions._nonces.values()]
    assert max(kept) <= 32
    assert len(door.sessions._sessions) == 1


def test_who_told_of_an_attempt_that_is_over_is_forgotten() -> None:
    door = Door()
    door.sessions.tellers.told("att_a", "one")
    door.sessions.moved(attempt("a", AttemptPhase.LOST), AttemptPhase.RUNNING)
    assert not door.sessions.tellers.another("att_a", "two")
