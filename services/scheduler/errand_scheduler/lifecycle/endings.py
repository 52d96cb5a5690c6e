"""How an attempt ends, with what that makes of its task."""

from errand_common.values import AttemptPhase, FailureReason, TaskStatus
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.decisions import (
    MOST_RETRIES,
    Left,
    Next,
    after_end,
    drained,
    ended_as,
    failure_of,
    without_inputs,
)
from errand_scheduler.lifecycle.moves import LOOKING, close_task, end_attempt, put_back, queue_task, task_of
from errand_scheduler.lifecycle.revivals import stands_again, stood_of
from errand_scheduler.store import attempts, inputs
from errand_scheduler.store.attempts import Attempt, StopCause
from errand_scheduler.store.revivals import Revival, Stood
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx

STOPPED = "stopped"
UNHEARD = "its branch may hold more than is told here"
"""Said where an end did not wait for the runner: what that did until it heard is told to nobody."""
DRAINED = "its runner is taken out of service; it goes on elsewhere"
"""Why an attempt is stopped that a drain did not leave the time for."""
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
    return end_with(tx, task_of(tx, attempt), attempt, phase, durations, reason=reason, failure=failure)


def end_with(
    tx: Tx,
    task: Task,
    attempt: Attempt,
    phase: AttemptPhase,
    durations: Durations,
    *,
    reason: str,
    failure: FailureReason | None = None,
    told_all: bool = False,
) -> Task:
    """The same for who has the attempt's task at hand; `told_all` where every event of the attempt is stored."""
    left = _left(tx, task, attempt)
    phase = ended_as(attempt, phase)
    timed_out = attempt.stop_cause is StopCause.DEADLINE and phase is AttemptPhase.TIMED_OUT
    if timed_out or drained(attempt._replace(phase=phase)):
        reason = attempt.reason
    failed = failure_of(attempt, phase, failure)
    ended = end_attempt(tx, attempt, phase, reason=reason, failure=failed, told_all=told_all)
    follows = after_end(task, attempt, ended, left)
    if follows.status is TaskStatus.PENDING and not follows.retry:
        revival = _revival(tx, task, ended, without_inputs(task, attempt, ended, left))
        return queue_task(tx, task, durations, reason=DRAINED if drained(ended) else LOOKING, revival=revival)
    return _move_on(tx, task, ended, follows, durations)


def _move_on(tx: Tx, task: Task, ended: Attempt, follows: Next, durations: Durations) -> Task:
    match follows.status:
        case TaskStatus.PENDING if (stood := stands_again(tx, task)) is not None:
            return put_back(tx, task, stood)
        case TaskStatus.PENDING:
            count = task.retry_count + 1
            reason = f"{ended.reason or _NOT_BEGUN}; trying again ({count} of {MOST_RETRIES})"
            return queue_task(tx, task, durations, reason=reason, retry_count=count, revival=task.revived_from)
        case TaskStatus.WAITING:
            return task
    return close_task(tx, task, follows.status, reason=_words(ended, follows), failure=follows.failure)


def _words(ended: Attempt, follows: Next) -> str:
    """Why a task is over."""
    match follows.status:
        case TaskStatus.FAILED:
            words = _POISONED if follows.failure is FailureReason.POISON else "{}"
            return words.format(ended.reason)
        case TaskStatus.CANCELLED:
            return ended.reason or STOPPED
    return ""


def _revival(tx: Tx, task: Task, ended: Attempt, otherwise: Next) -> Revival | None:
    """What sends the task on, with where it would stand `otherwise`; none where it would go on all the same, or fail
    through its runner's mistake."""
    if otherwise.status is TaskStatus.PENDING or otherwise.failure is FailureReason.INTERNAL:
        return None
    input_id = task.revived_from.input_id if task.revived_from else tx.one(inputs.first_untaken(task.task_id))
    if input_id is None:
        return None
    if otherwise.status is TaskStatus.WAITING:
        return Revival(input_id, stood_of(task))
    stood = Stood(
        status=otherwise.status,
        status_reason=_words(ended, otherwise),
        failure_reason=otherwise.failure,
        completed_time=ended.completed_time,
    )
    return Revival(input_id, stood)


def _left(tx: Tx, task: Task, attempt: Attempt) -> Left:
    failed_on = tx.all(attempts.last_runners(task.task_id, count=task.retry_count + 1)) if task.retry_count else ()
    left = tx.one(inputs.left(task.task_id, attempt.attempt_id))
    assert left is not None  # always one row
    return Left(
        inputs_wait=left.waits,
        took_any=left.took_any,
        newer_wait=left.newer_waits,
        answer_waits=left.answer_waits,
        failed_on=failed_on,
    )
