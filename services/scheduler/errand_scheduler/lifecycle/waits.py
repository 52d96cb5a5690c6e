"""Waiting for a person or a quota: it begins, and it ends."""

from dataclasses import dataclass

from errand_common.values import AttemptPhase, TaskStatus, WaitReason, summarise
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.moves import (
    close_task,
    extend_task,
    hold_task,
    later,
    queue_task,
    run_task,
    task_of,
)
from errand_scheduler.store import attempts, tasks
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.transaction import Tx

_NOBODY_ANSWERED = "nobody answered it, or sent it on, for too long; send it on to try again"


@dataclass(frozen=True)
class Wait:
    """What an attempt waits for; `summary` is the question, or what is exhausted. `resume_in_s` is after how many
    seconds the wait ends by itself; None where only a person ends it."""

    reason: WaitReason
    summary: str
    resume_in_s: float | None


def begin_wait(tx: Tx, attempt: Attempt, wait: Wait, durations: Durations) -> None:
    """Have the task of a running attempt wait, as the event wait_started says that this transaction stores.

    Nothing in another phase: an attempt that is being stopped no longer waits.
    """
    if attempt.phase is not AttemptPhase.RUNNING:
        return
    task = task_of(tx, attempt)
    resume_time = None
    if wait.resume_in_s is not None:
        resume_time = later(tx, min(max(wait.resume_in_s, 0.0), durations.waiting_s))
    held = task._replace(
        status_reason=summarise(wait.summary),
        wait_reason=wait.reason,
        resume_time=resume_time,
        deadline_time=resume_time or later(tx, durations.waiting_s),
    )
    hold_task(tx, task, held)


def end_wait(tx: Tx, attempt: Attempt) -> None:
    """Have the task run again, as the event wait_ended says that this transaction stores. Nothing where the task does
    not wait."""
    task = task_of(tx, attempt)
    if attempt.phase is AttemptPhase.RUNNING and task.status is TaskStatus.WAITING:
        run_task(tx, task)


def end_waiting(tx: Tx, task_id: str, durations: Durations, *, deadline_time: int | None) -> None:
    """The deadline of a wait, which was `deadline_time`, passed: one for a quota goes on by itself, any other is given
    up. While its attempt is still there, it is that which goes on or parks."""
    task = tx.one(tasks.by_id(task_id))
    if task is None or task.status is not TaskStatus.WAITING or task.deadline_time != deadline_time:
        return
    if tx.one(attempts.live_of_task(task_id)) is not None:
        tasks.set_resume_after_stop(tx, task_id, resume=task.resume_after_stop or task.resume_time is not None)
        extend_task(tx, task, within_s=durations.waiting_s)
    elif task.resume_time is not None:
        queue_task(tx, task, durations)
    else:
        close_task(tx, task, TaskStatus.CANCELLED, reason=_NOBODY_ANSWERED)
