"""Writes a move: the row and its event together."""

from dataclasses import replace

from errand_common.values import AttemptPhase, FailureReason, TaskStatus
from errand_scheduler import facts
from errand_scheduler.facts import Fact
from errand_scheduler.lifecycle.decisions import after_end, failure_of
from errand_scheduler.store import attempts, events, inputs, tasks
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.events import NewEvent
from errand_scheduler.store.notices import AttemptMoved, TaskMoved
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx

LOOKING = "looking for a runner"
"""Why a task is pending until placement knows better."""


def tell(tx: Tx, task: Task, fact: Fact, *, attempt_id: str | None = None) -> int:
    """Store a fact of the scheduler's own about a task."""
    return events.append(
        tx,
        NewEvent(task_id=task.task_id, user_id=task.user_id, attempt_id=attempt_id, kind=fact.kind, body=fact.body),
    )


def move_task(
    tx: Tx, task: Task, status: TaskStatus, *, reason: str = "", failure: FailureReason | None = None
) -> Task:
    """Move a task, or change the reason for where it stands; returns it as stored."""
    queued = status is TaskStatus.PENDING and task.status is not TaskStatus.PENDING
    moved = replace(
        task,
        status=status,
        status_reason=reason,
        failure_reason=failure,
        queue_time=tx.now_us if queued else task.queue_time,
        started_time=task.started_time or (tx.now_us if status is TaskStatus.RUNNING else None),
        completed_time=tx.now_us if status.final else None,
        resume_after_stop=False,
    )
    tasks.set_status(tx, moved)
    tell(tx, moved, facts.task_moved(status, reason, failure))
    tx.notice(TaskMoved(task_id=task.task_id, old=task.status, new=status, reason=reason, failure=failure))
    return moved


def begin_attempt(tx: Tx, attempt: Attempt) -> None:
    """Store a new attempt, with its event."""
    attempts.insert(tx, attempt)
    _tell_phase(tx, attempt)
    tx.notice(AttemptMoved(attempt=attempt, old_phase=None))


def move_attempt(tx: Tx, attempt: Attempt, phase: AttemptPhase, *, within_s: float | None, reason: str = "") -> Attempt:
    """Move a live attempt to another live phase that is to end `within_s` seconds, with its event."""
    moved = follow_attempt(tx, attempt, phase, within_s=within_s, reason=reason)
    _tell_phase(tx, moved)
    return moved


def follow_attempt(
    tx: Tx, attempt: Attempt, phase: AttemptPhase, *, within_s: float | None, reason: str = ""
) -> Attempt:
    """The same where the runner's own event, stored in this transaction, is the fact."""
    moved = replace(
        attempt,
        phase=phase,
        reason=reason,
        deadline_time=attempt.deadline_time if within_s is None else tx.now_us + int(within_s * 1e6),
        accepted_time=attempt.accepted_time or tx.now_us,
    )
    attempts.set_phase(tx, moved)
    tx.notice(AttemptMoved(attempt=moved, old_phase=attempt.phase))
    return moved


def end_attempt(
    tx: Tx, attempt: Attempt, phase: AttemptPhase, *, reason: str = "", failure: FailureReason | None = None
) -> Attempt:
    """Make an attempt final, with its event."""
    ended = replace(
        attempt,
        phase=phase,
        reason=reason,
        failure_reason=failure,
        deadline_time=None,
        completed_time=tx.now_us,
        disconnected=False,
    )
    attempts.set_phase(tx, ended)
    _tell_phase(tx, ended)
    tx.notice(AttemptMoved(attempt=ended, old_phase=attempt.phase))
    return ended


def end_both(
    tx: Tx, task: Task, attempt: Attempt, phase: AttemptPhase, *, reason: str = "", failure: FailureReason | None = None
) -> Task:
    """Make an attempt final and move its task to where that leaves it."""
    end_attempt(tx, attempt, phase, reason=reason, failure=failure)
    status = after_end(
        phase,
        was_stopping=attempt.phase is AttemptPhase.STOPPING,
        resume_after_stop=task.resume_after_stop,
        more_to_do=_more_to_do(tx, attempt),
    )
    match status:
        case TaskStatus.PENDING:
            return move_task(tx, task, status, reason=LOOKING)
        case TaskStatus.FAILED:
            return move_task(tx, task, status, reason=reason, failure=failure_of(phase, failure))
        case TaskStatus.CANCELLED:
            return move_task(tx, task, status, reason=reason or "stopped")
    return move_task(tx, task, status)


def _more_to_do(tx: Tx, attempt: Attempt) -> bool:
    """Whether people wrote more than the attempt took up. One that took up nothing would do so again, for ever."""
    untaken = tx.one(inputs.untaken(attempt.task_id)) is not None
    return untaken and bool(tx.one(inputs.count_taken_by(attempt.attempt_id)))


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
