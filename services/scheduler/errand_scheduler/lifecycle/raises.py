"""A person lets a task spend more."""

from errand_common.values import WaitReason
from errand_scheduler import facts
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.allowances import raised
from errand_scheduler.lifecycle.asks import check_pending, find
from errand_scheduler.lifecycle.moves import queue_task, tell
from errand_scheduler.store import attempts, tasks
from errand_scheduler.store.allowance import Allowance
from errand_scheduler.store.notices import TermsChanged
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx


def raise_allowance(
    tx: Tx, *, user_id: str, task_id: str, more: Allowance, durations: Durations, most_pending: int
) -> Task:
    """Raise the limits by so much. A task that waits for that goes on: the attempt that waits hears of it; where there
    is none, or it parks before it hears, a new one begins.

    Raises NotFound, Invalid, Conflict WRONG_STATE as `raised` does, Exhausted where `most_pending` of the user's tasks
    are pending.
    """
    task = find(tx, task_id=task_id, user_id=user_id)
    task = task._replace(allowance=raised(task.allowance, more))
    tasks.set_allowance(tx, task_id, task.allowance)
    tell(tx, task, facts.allowance_raised(task.allowance))
    attempt = tx.one(attempts.live_of_task(task_id))
    if attempt is not None:
        tx.notice(TermsChanged(runner_id=attempt.runner_id, attempt_id=attempt.attempt_id))
    if task.wait_reason is not WaitReason.ALLOWANCE or task.resume_time is not None:
        # Money of the person's day is what some wait for: that comes with the next one, whatever the task may spend.
        return task
    if attempt is None:
        check_pending(tx, user_id, most_pending)
        return queue_task(tx, task, durations)
    tasks.set_resume_after_stop(tx, task_id, resume=True)
    return task
