"""Sending a task on with nothing added."""

from errand_common.errors import Conflict
from errand_common.values import TaskStatus
from errand_scheduler import facts
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.asks import check_pending, check_record, find
from errand_scheduler.lifecycle.decisions import Retry, on_retry
from errand_scheduler.lifecycle.moves import queue_task, tell
from errand_scheduler.store import attempts, tasks
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx


def retry_task(tx: Tx, *, user_id: str, task_id: str, durations: Durations, most_pending: int) -> Task:
    """Have a new attempt go on with a task that failed, was stopped or waits; where the attempt that waits is still
    there, once that has parked. Changes nothing where the task is on its way.

    Raises NotFound, Conflict WRONG_STATE for one that is completed, asks something, or has no record any more,
    Exhausted where `most_pending` of the user's tasks are pending.
    """
    task = find(tx, task_id=task_id, user_id=user_id)
    match on_retry(task, tx.one(attempts.live_of_task(task_id))):
        case Retry.REFUSE_COMPLETED:
            raise Conflict(f"task {task_id} is completed; add what is still to be done")
        case Retry.REFUSE_QUESTION:
            raise Conflict(f"task {task_id} waits for an answer; answer it")
        case Retry.QUEUE:
            check_record(tx, task)
            check_pending(tx, user_id, most_pending)
            tell(tx, task, facts.task_retried())
            return queue_task(tx, task, durations)
        case Retry.AFTER_WAIT:
            tell(tx, task, facts.task_retried())
            tasks.set_resume_after_stop(tx, task_id, resume=True)
        case Retry.NOTHING if task.status is TaskStatus.PENDING:
            tasks.forget_revival(tx, task_id)
    return task
