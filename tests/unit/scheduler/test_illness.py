"""A host on which nothing begins is left alone for a while."""

import pytest

from errand_common.values import AttemptPhase, FailureReason
from errand_scheduler.placing import seats
from errand_scheduler.runners import RunnerSessions
from errand_scheduler.store.attempts import Attempt, StopCause
from tests.unit.scheduler.door import QUARANTINE_S, Door, attempt


def fails(sessions: RunnerSessions, task_id: str, failure: FailureReason = FailureReason.ENGINE) -> bool:
    return sessions.moved(attempt(task_id, AttemptPhase.FAILED, failure), AttemptPhase.STARTING)


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
