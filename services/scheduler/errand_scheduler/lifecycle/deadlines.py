"""What happens to tasks and attempts when nobody does anything, or when what they need is refused."""

from errand_common.values import AttemptPhase, FailureReason, TaskStatus
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.decisions import AT_WORK, BEFORE_WORK
from errand_scheduler.lifecycle.endings import UNHEARD, end_both
from errand_scheduler.lifecycle.moves import (
    close_task,
    end_attempt,
    run_task,
    say_of_task,
    set_disconnected,
    stop_attempt,
    task_of,
)
from errand_scheduler.store import attempts, tasks
from errand_scheduler.store.attempts import Attempt, StopCause
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx

NOT_ACCEPTED = "the runner did not accept it in time"
"""Why an offer was taken back that its runner let pass."""

_AWAY = "the runner is not heard of; waiting for it to come back"
_NOT_BEGUN = "its runner took it but did not begin in time"
_NOT_READY = "the sandbox and its clone were not ready in time"
_TOO_LONG = "it worked for too long; send it on to continue"
_NO_RUNNER_CAME = "no runner took it for too long; send it on to try again"


def expire_offer(tx: Tx, attempt_id: str) -> None:
    """Take back an offer that nobody accepted; the task stays pending."""
    if attempt := _in_phase(tx, attempt_id, AttemptPhase.OFFERED):
        end_attempt(tx, attempt, AttemptPhase.WITHDRAWN, reason=NOT_ACCEPTED)


def mark_away(tx: Tx, attempt_id: str) -> None:
    """Mark an attempt whose lease lapsed, and say so; a task that waits keeps saying for what."""
    attempt = _in_phase(tx, attempt_id, *AT_WORK)
    if attempt and not attempt.disconnected:
        set_disconnected(tx, attempt, disconnected=True)
        _say_of_running(tx, task_of(tx, attempt), _AWAY)


def mark_back(tx: Tx, attempt_id: str) -> None:
    """Take the mark away again."""
    attempt = _in_phase(tx, attempt_id, *AT_WORK)
    if attempt and attempt.disconnected:
        set_disconnected(tx, attempt, disconnected=False)
        _say_of_running(tx, task_of(tx, attempt), "")


def lose(tx: Tx, attempt_id: str, durations: Durations) -> None:
    """Give up an attempt whose runner was not heard of for too long."""
    if attempt := _in_phase(tx, attempt_id, *AT_WORK):
        reason = f"its runner was not heard of for too long; {UNHEARD}; send the task on to try again"
        end_both(tx, attempt, AttemptPhase.LOST, durations, reason=reason)


def end_phase(tx: Tx, attempt_id: str, phase: AttemptPhase, durations: Durations) -> None:
    """Have the runner end an attempt that is too long in one of the phases in which it may act."""
    attempt = _in_phase(tx, attempt_id, phase)
    if attempt is None or attempt.disconnected:
        return
    reason = {AttemptPhase.ACCEPTED: _NOT_BEGUN, AttemptPhase.STARTING: _NOT_READY}.get(phase, _TOO_LONG)
    failure = FailureReason.START if phase in BEFORE_WORK else FailureReason.ALLOWANCE
    stop_attempt(tx, attempt, StopCause.DEADLINE, within_s=durations.stop_s, reason=reason, failure=failure)
    run_task(tx, task_of(tx, attempt), reason=f"stopping: {reason}")


def finish_stop(tx: Tx, attempt_id: str, durations: Durations) -> None:
    """Finish a stop that the runner did not finish in time."""
    if attempt := _in_phase(tx, attempt_id, AttemptPhase.STOPPING):
        reason = f"stopped without its runner's answer; {UNHEARD}"
        end_both(tx, attempt, AttemptPhase.CANCELLED, durations, reason=reason)


def end_pending(tx: Tx, task_id: str, *, deadline_time: int | None) -> None:
    """Give up a task that no runner took before its deadline, which was `deadline_time`."""
    task = tx.one(tasks.by_id(task_id))
    if task is None or task.status is not TaskStatus.PENDING or task.deadline_time != deadline_time:
        return
    if offer := tx.one(attempts.live_of_task(task_id)):
        end_attempt(tx, offer, AttemptPhase.WITHDRAWN, reason=_NO_RUNNER_CAME)
    close_task(tx, task, TaskStatus.FAILED, reason=_NO_RUNNER_CAME, failure=FailureReason.START)


def fail_pending(tx: Tx, project_id: str, *, reason: str) -> None:
    """Fail the project's tasks that wait for a runner: their user may not push to the repository."""
    for task in tx.all(tasks.pending_of_project(project_id)):
        if tx.one(attempts.live_of_task(task.task_id)) is None:
            close_task(tx, task, TaskStatus.FAILED, reason=reason, failure=FailureReason.REPOSITORY)


def say_why(tx: Tx, task_id: str, *, reason: str) -> None:
    """Say why a task is still pending."""
    task = tx.one(tasks.by_id(task_id))
    if task is None or task.status is not TaskStatus.PENDING or task.status_reason == reason:
        return
    if tx.one(attempts.live_of_task(task_id)) is None:
        say_of_task(tx, task, reason)


def _in_phase(tx: Tx, attempt_id: str, *phases: AttemptPhase) -> Attempt | None:
    attempt = tx.one(attempts.by_id(attempt_id))
    return attempt if attempt is not None and attempt.phase in phases else None


def _say_of_running(tx: Tx, task: Task, reason: str) -> None:
    if task.status is TaskStatus.RUNNING:
        say_of_task(tx, task, reason)
