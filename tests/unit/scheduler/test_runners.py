"""Runner sessions: the last one wins, two that fight are stopped, a host on which nothing begins is left alone."""

import pytest

from errand_common.errors import Conflict
from errand_common.ids import Ids
from errand_common.values import AttemptPhase, FailureReason
from errand_scheduler.lifecycle.deadlines import NOT_ACCEPTED
from errand_scheduler.placing import seats
from errand_scheduler.runners import Arrival, RunnerSession, RunnerSessions
from errand_scheduler.store.attempts import Attempt, StopCause
from errand_scheduler.store.runners import Runner
from tests.unit.scheduler.world import DURATIONS, RUNNER, StillClock

QUARANTINE_S = 60 * DURATIONS.beat_s


class Door:
    """Runner sessions, and a clock that is moved."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.sessions = RunnerSessions(self.clock, Ids(self.clock), DURATIONS)

    def enters(self, nonce: str, *, slots: int = 2) -> tuple[RunnerSession, bool] | None:
        """The process's session, settled; none where it was refused."""
        if self.sessions.judge(RUNNER, nonce):
            return None
        arrival = Arrival(runner_id=RUNNER, name="box", nonce=nonce, slots=slots, labels={"gpu": "yes"})
        session, newly_started = self.sessions.open(arrival)
        self.sessions.settle(session)
        return session, newly_started

    def session(self, nonce: str) -> RunnerSession:
        entered = self.enters(nonce)
        assert entered is not None
        return entered[0]

    def left_s(self, nonce: str) -> float:
        quarantine = self.sessions.judge(RUNNER, nonce)
        return quarantine.left_s if quarantine else 0.0

    def condition(self) -> str:
        (seat,) = self.sessions.seats([])
        return seat.condition


def attempt(
    task_id: str, phase: AttemptPhase, failure: FailureReason | None = None, cause: StopCause | None = None
) -> Attempt:
    return Attempt(
        attempt_id=f"att_{task_id}",
        task_id=task_id,
        user_id="usr_1",
        runner_id=RUNNER,
        fence=1,
        phase=phase,
        reason="",
        failure_reason=failure,
        stop_cause=cause,
        disconnected=False,
        deadline_time=None,
        acked_sequence=0,
        created_time=0,
        accepted_time=0,
        completed_time=0,
    )


def lets_pass(door: Door, *task_ids: str) -> str:
    """Offers that the runner lets expire; returns what keeps it from work then."""
    for task_id in task_ids:
        expired = attempt(task_id, AttemptPhase.WITHDRAWN)._replace(reason=NOT_ACCEPTED)
        assert not door.sessions.moved(expired, AttemptPhase.OFFERED)
    return door.condition()


def fails(sessions: RunnerSessions, task_id: str, failure: FailureReason = FailureReason.ENGINE) -> bool:
    return sessions.moved(attempt(task_id, AttemptPhase.FAILED, failure), AttemptPhase.STARTING)


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
    ahead_us = door.clock.now_us() + 10**12
    door.sessions.restore([Runner(RUNNER, "box", quarantined_time=ago_us), Runner("rnr_2", "other")])
    assert door.left_s("one") == pytest.approx(7)
    assert door.sessions.judge("rnr_2", "one") is None
    door.sessions.restore([Runner("rnr_3", "skewed", quarantined_time=ahead_us)])
    skewed = door.sessions.judge("rnr_3", "one")
    assert skewed is not None
    assert skewed.left_s == QUARANTINE_S


def test_what_is_remembered_of_a_runner_is_bounded() -> None:
    door = Door()
    for number in range(500):
        door.enters(f"process-{number}")
        door.clock.move(QUARANTINE_S)
    kept = [len(nonces) for nonces in door.sessions._nonces.values()]
    assert max(kept) <= 32
    assert len(door.sessions._sessions) == 1


def test_a_host_that_fails_its_last_three_attempts_is_left_alone_for_a_while() -> None:
    door = Door()
    session = door.session("one")
    with door.sessions.watched(session):
        assert [fails(door.sessions, task) for task in ("a", "a", "b")] == [False, False, True]
        assert door.condition() == seats.ILL
        door.clock.move(QUARANTINE_S)
        door.sessions.heard(session)
        assert door.condition() == ""
        assert fails(door.sessions, "c")


def test_one_task_alone_makes_no_host_ill() -> None:
    door = Door()
    door.session("one")
    assert [fails(door.sessions, "a") for _ in range(9)] == [False] * 9


def test_an_attempt_that_came_to_run_clears_its_host() -> None:
    door = Door()
    door.session("one")
    fails(door.sessions, "a")
    fails(door.sessions, "b")
    door.sessions.moved(attempt("c", AttemptPhase.RUNNING), AttemptPhase.STARTING)
    assert [fails(door.sessions, task) for task in ("d", "e", "f")] == [False, False, True]


def test_a_mark_on_a_running_attempt_clears_nothing() -> None:
    door = Door()
    door.session("one")
    fails(door.sessions, "a")
    fails(door.sessions, "b")
    away = attempt("c", AttemptPhase.RUNNING)._replace(disconnected=True)
    door.sessions.moved(away, AttemptPhase.RUNNING)
    assert fails(door.sessions, "d")


@pytest.mark.parametrize(
    ("ended", "old"),
    [
        (attempt("a", AttemptPhase.WITHDRAWN), AttemptPhase.OFFERED),
        (attempt("a", AttemptPhase.FAILED, FailureReason.CLONE), AttemptPhase.STARTING),
        (attempt("a", AttemptPhase.FAILED, FailureReason.SANDBOX), AttemptPhase.RUNNING),
        (attempt("a", AttemptPhase.LOST, FailureReason.RUNNER_LOST), AttemptPhase.RUNNING),
        (attempt("a", AttemptPhase.CANCELLED, cause=StopCause.PERSON), AttemptPhase.STOPPING),
        (attempt("a", AttemptPhase.SUCCEEDED), AttemptPhase.RUNNING),
    ],
)
def test_ends_that_are_not_the_hosts_fault_make_nobody_ill(ended: Attempt, old: AttemptPhase) -> None:
    door = Door()
    door.session("one")
    for number in range(9):
        assert not door.sessions.moved(ended._replace(task_id=f"tsk_{number}"), old)


@pytest.mark.parametrize(
    ("ended", "old"),
    [
        (attempt("a", AttemptPhase.LOST, FailureReason.RUNNER_LOST), AttemptPhase.ACCEPTED),
        (attempt("a", AttemptPhase.TIMED_OUT, FailureReason.START, StopCause.DEADLINE), AttemptPhase.STOPPING),
        (attempt("a", AttemptPhase.FAILED, FailureReason.DISK), AttemptPhase.ACCEPTED),
    ],
)
def test_every_end_that_is_the_hosts_fault_counts(ended: Attempt, old: AttemptPhase) -> None:
    door = Door()
    door.session("one")
    ill = [door.sessions.moved(ended._replace(task_id=f"tsk_{number}"), old) for number in range(3)]
    assert ill == [False, False, True]


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


def test_who_told_of_an_attempt_that_is_over_is_forgotten() -> None:
    door = Door()
    door.sessions.tellers.told("att_a", "one")
    door.sessions.moved(attempt("a", AttemptPhase.LOST), AttemptPhase.RUNNING)
    assert not door.sessions.tellers.another("att_a", "two")
