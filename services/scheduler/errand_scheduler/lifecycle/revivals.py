"""Tasks that inputs alone sent on: they go back to where they stood when the person takes those back."""

from errand_common.values import AttemptPhase
from errand_scheduler.lifecycle.moves import end_attempt, put_back
from errand_scheduler.store import attempts, inputs, tasks
from errand_scheduler.store.revivals import Revival, Stood
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx

_TAKEN_BACK = "what the task was to go on with was taken back"


def stood_of(task: Task) -> Stood:
    """Where a task stands that is over, or waits without an attempt."""
    return Stood(
        status=task.status,
        status_reason=task.status_reason,
        failure_reason=task.failure_reason,
        wait_reason=task.wait_reason,
        resume_time=task.resume_time,
        deadline_time=task.deadline_time,
        completed_time=task.completed_time,
    )


def stands_again(tx: Tx, task: Task) -> Stood | None:
    """Where a task goes back to, as nothing waits of the inputs that alone sent it on; none where something does."""
    revival = _voided(tx, task)
    return None if revival is None else revival.stood


def undo_revival(tx: Tx, task: Task) -> None:
    """What was stopped, over or parked before stays so, once nothing waits of what was written since."""
    revival = _voided(tx, task)
    if revival is None:
        return
    if revival.stood is None:
        tasks.set_resume_after_stop(tx, task.task_id, resume=False)
        return
    live = tx.one(attempts.live_of_task(task.task_id))
    if live is not None and live.phase is not AttemptPhase.OFFERED:
        # A runner has begun: a stop ends it, nothing else takes it back.
        return
    if live is not None:
        end_attempt(tx, live, AttemptPhase.WITHDRAWN, reason=_TAKEN_BACK)
    put_back(tx, task, revival.stood)


def _voided(tx: Tx, task: Task) -> Revival | None:
    """What sent the task on, where nothing of it waits any more."""
    revival = task.revived_from
    if revival is None or tx.one(inputs.waits_since(task.task_id, revival.input_id)):
        return None
    return revival
