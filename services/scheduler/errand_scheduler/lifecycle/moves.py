"""Writes a move: the row and its event together."""

from typing import Any

from errand_common.values import AttemptPhase, FailureReason, TaskStatus
from errand_scheduler import facts
from errand_scheduler.durations import Durations
from errand_scheduler.facts import Fact
from errand_scheduler.lifecycle import spending
from errand_scheduler.store import attempts, events, progress, tasks
from errand_scheduler.store.attempts import Attempt, StopCause
from errand_scheduler.store.events import NewEvent
from errand_scheduler.store.notices import AttemptMoved, DeadlineSet, TaskMoved
from errand_scheduler.store.revivals import Revival, Stood
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx

_BARE: dict[str, Any] = {
    "status_reason": "",
    "failure_reason": None,
    "wait_reason": None,
    "resume_time": None,
    "deadline_time": None,
    "completed_time": None,
    "resume_after_stop": False,
    "revived_from": None,
}
# An attempt's phases have shorter deadlines; a wall clock that was set far ahead counts as no more.
_LONGEST_WORK_US = 26 * 60 * 60 * 1_000_000
LOOKING = "looking for a runner"
"""Why a task is pending until placement knows better."""


def tell(tx: Tx, task: Task, fact: Fact, *, attempt_id: str | None = None) -> int:
    """Store a fact of the scheduler's own about a task."""
    return events.append(
        tx,
        NewEvent(task_id=task.task_id, user_id=task.user_id, attempt_id=attempt_id, kind=fact.kind, body=fact.body),
    )


def begin_task(tx: Tx, task: Task) -> None:
    """Store a new task, with its event."""
    tasks.insert(tx, task)
    _tell_status(tx, None, task)


def queue_task(
    tx: Tx,
    task: Task,
    durations: Durations,
    *,
    reason: str = LOOKING,
    retry_count: int = 0,
    revival: Revival | None = None,
) -> Task:
    """Have the task wait for a runner; `revival` where only inputs have it do so. One that is queued keeps its place
    where nothing is held against it any more."""
    keeps_place = task.status is TaskStatus.PENDING and not retry_count
    moved = _moved(
        task,
        TaskStatus.PENDING,
        status_reason=reason,
        deadline_time=later(tx, durations.pending_s),
        retry_count=retry_count,
        queue_time=task.queue_time if keeps_place else tx.now_us,
        revived_from=revival,
    )
    return _store(tx, task, moved)


def run_task(tx: Tx, task: Task, *, reason: str = "") -> Task:
    """Have a runner at work on the task."""
    moved = _moved(
        task,
        TaskStatus.RUNNING,
        status_reason=reason,
        started_time=task.started_time or tx.now_us,
        revived_from=task.revived_from,
    )
    return _store(tx, task, moved)


def close_task(
    tx: Tx, task: Task, status: TaskStatus, *, reason: str = "", failure: FailureReason | None = None
) -> Task:
    """Move the task to a final status."""
    moved = _moved(task, status, status_reason=reason, failure_reason=failure, completed_time=tx.now_us)
    return _store(tx, task, moved)


def hold_task(tx: Tx, task: Task, held: Task) -> Task:
    """Have the task wait, as `held` says; its other columns are the task's."""
    moved = _moved(
        task,
        TaskStatus.WAITING,
        status_reason=held.status_reason,
        wait_reason=held.wait_reason,
        resume_time=held.resume_time,
        deadline_time=held.deadline_time,
    )
    return _store(tx, task, moved)


def put_back(tx: Tx, task: Task, stood: Stood) -> Task:
    """Have the task stand again where it stood before inputs sent it on."""
    moved = _moved(
        task,
        stood.status,
        status_reason=stood.status_reason,
        failure_reason=stood.failure_reason,
        wait_reason=stood.wait_reason,
        resume_time=stood.resume_time,
        deadline_time=stood.deadline_time,
        completed_time=stood.completed_time,
    )
    return _store(tx, task, moved)


def say_of_task(tx: Tx, task: Task, reason: str) -> Task:
    """Change why the task stands where it does."""
    return _store(tx, task, task._replace(status_reason=reason))


def extend_task(tx: Tx, task: Task, *, within_s: float) -> None:
    """Give the task more time where it stands."""
    deadline_time = later(tx, within_s)
    tasks.set_deadline(tx, task.task_id, deadline_time)
    tx.notice(_deadline_set(tx, task, deadline_time))


def begin_attempt(tx: Tx, attempt: Attempt) -> None:
    """Store a new attempt, with its event."""
    attempts.insert(tx, attempt)
    _tell_phase(tx, attempt)
    tx.notice(AttemptMoved(attempt=attempt, old_phase=None))


def move_attempt(tx: Tx, attempt: Attempt, phase: AttemptPhase, *, within_s: float) -> Attempt:
    """Move a live attempt to another live phase that is to end `within_s` seconds, with its event."""
    moved = follow_attempt(tx, attempt, phase, within_s=within_s)
    attempts.set_phase(tx, moved)
    _tell_phase(tx, moved)
    return moved


def follow_attempt(tx: Tx, attempt: Attempt, phase: AttemptPhase, *, within_s: float) -> Attempt:
    """The same where the runner's own event is the fact, and the row is still to be written in this transaction."""
    moved = _in_phase(tx, attempt, phase, deadline_time=later(tx, within_s))
    tx.notice(AttemptMoved(attempt=moved, old_phase=attempt.phase))
    return moved


def stop_attempt(
    tx: Tx,
    attempt: Attempt,
    cause: StopCause,
    *,
    within_s: float,
    reason: str,
    failure: FailureReason | None = None,
) -> Attempt:
    """Ask the runner to end a live attempt within so many seconds, with its event."""
    stopping = _in_phase(
        tx,
        attempt,
        AttemptPhase.STOPPING,
        reason=reason,
        failure_reason=failure,
        stop_cause=cause,
        deadline_time=later(tx, within_s),
    )
    _store_attempt(tx, attempt, stopping)
    _tell_phase(tx, stopping)
    return stopping


def end_attempt(
    tx: Tx,
    attempt: Attempt,
    phase: AttemptPhase,
    *,
    reason: str = "",
    failure: FailureReason | None = None,
    told_all: bool = False,
) -> Attempt:
    """Make an attempt final, with its event; how long it had the task is spent. `told_all`: every event of it is
    stored."""
    ended = attempt._replace(
        phase=phase,
        reason=reason,
        failure_reason=failure,
        deadline_time=None,
        completed_time=tx.now_us,
        disconnected=False,
    )
    _store_attempt(tx, attempt, ended)
    spending.settle(tx, attempt, told_all=told_all)
    if attempt.accepted_time is not None:
        progress.add_work(tx, attempt.task_id, min(max(tx.now_us - attempt.accepted_time, 0), _LONGEST_WORK_US))
    _tell_phase(tx, ended)
    return ended


def set_disconnected(tx: Tx, attempt: Attempt, *, disconnected: bool) -> None:
    """Mark a live attempt whose runner is away, or take the mark away."""
    attempts.set_disconnected(tx, attempt.attempt_id, disconnected=disconnected)
    tx.notice(AttemptMoved(attempt=attempt._replace(disconnected=disconnected), old_phase=attempt.phase))


def task_of(tx: Tx, attempt: Attempt) -> Task:
    """The attempt's task."""
    task = tx.one(tasks.by_id(attempt.task_id))
    assert task is not None  # foreign key
    return task


def later(tx: Tx, seconds: float) -> int:
    """The instant so many seconds from now."""
    return tx.now_us + int(seconds * 1e6)


def _moved(task: Task, status: TaskStatus, **has: Any) -> Task:
    """The task in another status: of what only its old one had, it `has` this."""
    return task._replace(status=status, **_BARE | has)


def _store(tx: Tx, task: Task, moved: Task) -> Task:
    tasks.set_status(tx, moved)
    _tell_status(tx, task, moved)
    return moved


def _tell_status(tx: Tx, task: Task | None, moved: Task) -> None:
    tell(tx, moved, facts.task_moved(moved.status, moved.status_reason, moved.failure_reason))
    tx.notice(
        TaskMoved(
            task_id=moved.task_id,
            old=task.status if task else None,
            new=moved.status,
            reason=_in_our_words(moved),
            failure=moved.failure_reason,
        )
    )
    if task is None or task.deadline_time != moved.deadline_time:
        tx.notice(_deadline_set(tx, moved, moved.deadline_time))


def _deadline_set(tx: Tx, task: Task, deadline_time: int | None) -> DeadlineSet:
    return DeadlineSet(task.task_id, task.status, deadline_time, set_at=tx.now)


def _in_our_words(task: Task) -> str:
    """Why the task stands where it does, without what its runner or Claude said: that is the task's alone."""
    if task.wait_reason is not None:
        return task.wait_reason
    tried = task.status is TaskStatus.PENDING and task.retry_count
    return "trying again" if tried else task.status_reason


def _in_phase(tx: Tx, attempt: Attempt, phase: AttemptPhase, **has: Any) -> Attempt:
    return attempt._replace(phase=phase, accepted_time=attempt.accepted_time or tx.now_us, **{"reason": ""} | has)


def _store_attempt(tx: Tx, attempt: Attempt, moved: Attempt) -> Attempt:
    attempts.set_phase(tx, moved)
    tx.notice(AttemptMoved(attempt=moved, old_phase=attempt.phase))
    return moved


def _tell_phase(tx: Tx, attempt: Attempt) -> None:
    fact = facts.attempt_moved(attempt.phase, attempt.reason, attempt.runner_id)
    event = NewEvent(
        task_id=attempt.task_id,
        user_id=attempt.user_id,
        attempt_id=attempt.attempt_id,
        kind=fact.kind,
        body=fact.body,
    )
    events.append(tx, event)
