"""What happens to tasks and attempts when nobody does anything, or when what they need is refused."""

from dataclasses import replace

from errand_common.values import AttemptPhase, FailureReason, TaskStatus
from errand_scheduler.lifecycle.decisions import AT_WORK, Held, on_held
from errand_scheduler.lifecycle.moves import LOOKING, end_attempt, end_both, move_task
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.store import attempts, runners, tasks
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.notices import AttemptMoved
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx

_AWAY = "the runner is not heard of; waiting for it to come back"


def expire_offer(tx: Tx, attempt_id: str) -> None:
    """Take back an offer that nobody accepted; the task stays pending."""
    if attempt := _in_phase(tx, attempt_id, AttemptPhase.OFFERED):
        end_attempt(tx, attempt, AttemptPhase.WITHDRAWN, reason="the runner did not accept it in time")


def mark_away(tx: Tx, attempt_id: str) -> None:
    """Mark an attempt whose lease lapsed, and say so."""
    attempt = _in_phase(tx, attempt_id, *AT_WORK)
    if attempt and not attempt.disconnected:
        _set_disconnected(tx, attempt, disconnected=True)
        move_task(tx, _task(tx, attempt), TaskStatus.RUNNING, reason=_AWAY)


def mark_back(tx: Tx, attempt_id: str) -> None:
    """Take the mark away again."""
    attempt = _in_phase(tx, attempt_id, *AT_WORK)
    if attempt and attempt.disconnected:
        _set_disconnected(tx, attempt, disconnected=False)
        move_task(tx, _task(tx, attempt), TaskStatus.RUNNING)


def lose(tx: Tx, attempt_id: str) -> None:
    """Give up an attempt whose runner was not heard of for too long."""
    if attempt := _in_phase(tx, attempt_id, *AT_WORK):
        reason = "its runner was not heard of for too long; send the task on to try again"
        end_both(tx, _task(tx, attempt), attempt, AttemptPhase.LOST, reason=reason)


def finish_stop(tx: Tx, attempt_id: str) -> None:
    """Finish a stop that the runner did not finish in time."""
    if attempt := _in_phase(tx, attempt_id, AttemptPhase.STOPPING):
        end_both(tx, _task(tx, attempt), attempt, AttemptPhase.CANCELLED, reason="stopped without its runner's answer")


def fail_pending(tx: Tx, project_id: str, *, reason: str) -> None:
    """Fail the project's tasks that wait for a runner: their user may not push to the repository."""
    for task in tx.all(tasks.pending_of_project(project_id)):
        if tx.one(attempts.live_of_task(task.task_id)) is None:
            move_task(tx, task, TaskStatus.FAILED, reason=reason, failure=FailureReason.REPOSITORY)


def say_why(tx: Tx, task_id: str, *, reason: str) -> None:
    """Say why a task is still pending."""
    task = tx.one(tasks.by_id(task_id))
    if task is None or task.status is not TaskStatus.PENDING or task.status_reason == reason:
        return
    if tx.one(attempts.live_of_task(task_id)) is None:
        move_task(tx, task, TaskStatus.PENDING, reason=reason)


def take_inventory(tx: Tx, *, runner_id: str, version: str, held: list[Holder], forgotten_are_lost: bool) -> list[Held]:
    """Judge what a runner has, and give up what a newly started one does not have though it accepted it."""
    runners.note_session(tx, runner_id, version=version)
    if forgotten_are_lost:
        known = {holder.attempt_id for holder in held}
        for attempt in tx.all(attempts.live_of_runner(runner_id)):
            if attempt.attempt_id not in known and attempt.phase is not AttemptPhase.OFFERED:
                _forgotten(tx, attempt)
    return [on_held(tx.one(attempts.by_id(each.attempt_id)), runner_id=runner_id, fence=each.fence) for each in held]


def _forgotten(tx: Tx, attempt: Attempt) -> None:
    """One that had not begun costs nothing to begin elsewhere."""
    task = _task(tx, attempt)
    if attempt.phase is AttemptPhase.ACCEPTED and attempt.acked_sequence == 0:
        end_attempt(tx, attempt, AttemptPhase.LOST, reason="its runner restarted before it began")
        move_task(tx, task, TaskStatus.PENDING, reason=LOOKING)
        return
    reason = "its runner restarted and no longer has it; send the task on to try again"
    end_both(tx, task, attempt, AttemptPhase.LOST, reason=reason)


def _in_phase(tx: Tx, attempt_id: str, *phases: AttemptPhase) -> Attempt | None:
    attempt = tx.one(attempts.by_id(attempt_id))
    return attempt if attempt is not None and attempt.phase in phases else None


def _task(tx: Tx, attempt: Attempt) -> Task:
    task = tx.one(tasks.by_id(attempt.task_id))
    assert task is not None  # foreign key
    return task


def _set_disconnected(tx: Tx, attempt: Attempt, *, disconnected: bool) -> None:
    attempts.set_disconnected(tx, attempt.attempt_id, disconnected=disconnected)
    tx.notice(AttemptMoved(attempt=replace(attempt, disconnected=disconnected), old_phase=attempt.phase))
