"""How an attempt ends, with what that makes of its task."""

from errand_common.values import AttemptPhase, FailureReason, TaskStatus
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.decisions import MOST_RETRIES, Left, Next, after_end, ended_as, failure_of
from errand_scheduler.lifecycle.moves import close_task, end_attempt, queue_task, task_of
from errand_scheduler.store import attempts, inputs
from errand_scheduler.store.attempts import Attempt, StopCause
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx

STOPPED = "stopped"
_NOT_BEGUN = "it could not begin"
_POISONED = "it failed on one runner after the other before its work began, last so: {}"


def end_both(
    tx: Tx,
    attempt: Attempt,
    phase: AttemptPhase,
    durations: Durations,
    *,
    reason: str,
    failure: FailureReason | None = None,
) -> Task:
    """Make a live attempt final and move its task to where that leaves it; `phase` and `failure` as reported."""
    task = task_of(tx, attempt)
    left = _left(tx, task, attempt)
    phase = ended_as(attempt, phase)
    if attempt.stop_cause is StopCause.DEADLINE and phase is AttemptPhase.TIMED_OUT:
        reason = attempt.reason
    ended = end_attempt(tx, attempt, phase, reason=reason, failure=failure_of(attempt, phase, failure))
    return _move_on(tx, task, ended, after_end(task, attempt, ended, left), durations)


def _move_on(tx: Tx, task: Task, ended: Attempt, follows: Next, durations: Durations) -> Task:
    match follows.status:
        case TaskStatus.PENDING if follows.retry:
            count = task.retry_count + 1
            reason = f"{ended.reason or _NOT_BEGUN}; trying again ({count} of {MOST_RETRIES})"
            return queue_task(tx, task, durations, reason=reason, retry_count=count)
        case TaskStatus.PENDING:
            return queue_task(tx, task, durations)
        case TaskStatus.WAITING:
            return task
        case TaskStatus.FAILED:
            words = _POISONED if follows.failure is FailureReason.POISON else "{}"
            return close_task(tx, task, TaskStatus.FAILED, reason=words.format(ended.reason), failure=follows.failure)
        case TaskStatus.CANCELLED:
            return close_task(tx, task, TaskStatus.CANCELLED, reason=ended.reason or STOPPED)
    return close_task(tx, task, follows.status)


def _left(tx: Tx, task: Task, attempt: Attempt) -> Left:
    failed_on = tx.all(attempts.last_runners(task.task_id, count=task.retry_count + 1)) if task.retry_count else ()
    return Left(
        inputs_wait=bool(tx.one(inputs.any_untaken(task.task_id))),
        took_any=bool(tx.one(inputs.count_taken_by(attempt.attempt_id))),
        failed_on=failed_on,
    )
