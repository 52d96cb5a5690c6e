"""An attempt's way: offered, accepted, finished."""

from dataclasses import dataclass

from errand_common.errors import Conflict
from errand_common.values import AttemptPhase, FailureReason, TaskStatus
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.decisions import holds, next_fence, owns
from errand_scheduler.lifecycle.moves import begin_attempt, end_both, move_attempt, move_task
from errand_scheduler.store import attempts, meta, tasks
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx


@dataclass(frozen=True)
class Holder:
    """Who writes: a runner, and the attempt that it names with its fence."""

    runner_id: str
    attempt_id: str
    fence: int


@dataclass(frozen=True)
class AttemptEnd:
    """How a runner says that an attempt ended; `last_sequence` is its last event."""

    phase: AttemptPhase
    failure: FailureReason | None
    reason: str
    last_sequence: int


def offer(tx: Tx, *, task_id: str, runner_id: str, attempt_id: str, durations: Durations) -> Attempt | None:
    """Offer a pending task to a runner under a new fence; none if the task no longer waits."""
    task = tx.one(tasks.by_id(task_id))
    if task is None or task.status is not TaskStatus.PENDING:
        return None
    if tx.one(attempts.live_of_task(task_id)) is not None:
        return None
    attempt = _new_attempt(tx, task, runner_id=runner_id, attempt_id=attempt_id, within_s=durations.offer_s)
    begin_attempt(tx, attempt)
    return attempt


def accept(tx: Tx, holder: Holder, durations: Durations) -> None:
    """Take an offer; again changes nothing. Raises Conflict LEASE_SUPERSEDED when it is gone."""
    attempt = load(tx, holder)
    if not holds(attempt, runner_id=holder.runner_id, fence=holder.fence):
        raise superseded(holder)
    if attempt.phase is not AttemptPhase.OFFERED:
        return
    move_attempt(tx, attempt, AttemptPhase.ACCEPTED, within_s=durations.lost_s)
    move_task(tx, _task_of(tx, attempt), TaskStatus.RUNNING)


def finish(tx: Tx, holder: Holder, end: AttemptEnd) -> None:
    """End an attempt; again changes nothing. Raises Conflict LEASE_SUPERSEDED when it is over already, EVENT_GAP
    while events are missing, WRONG_STATE when it was never accepted."""
    attempt = load(tx, holder)
    if attempt.phase.final:
        if attempt.phase is end.phase:
            return
        raise superseded(holder)
    if attempt.phase is AttemptPhase.OFFERED:
        raise Conflict(f"attempt {holder.attempt_id} is only offered; accept it before finishing it")
    if attempt.acked_sequence < end.last_sequence:
        raise Conflict(
            f"attempt {holder.attempt_id} has events up to {attempt.acked_sequence} stored, its last is"
            f" {end.last_sequence}; send the rest, then finish it again",
            reason="EVENT_GAP",
        )
    end_both(tx, _task_of(tx, attempt), attempt, end.phase, reason=end.reason, failure=end.failure)


def load(tx: Tx, holder: Holder) -> Attempt:
    """The holder's attempt, final or not. Raises Conflict LEASE_SUPERSEDED for anybody else's."""
    attempt = tx.one(attempts.by_id(holder.attempt_id))
    if attempt is None or not owns(attempt, runner_id=holder.runner_id, fence=holder.fence):
        raise superseded(holder)
    return attempt


def superseded(holder: Holder) -> Conflict:
    """The refusal of a write under a lease that is no more."""
    return Conflict(
        f"attempt {holder.attempt_id} is over, or not yours under fence {holder.fence}; stop it",
        reason="LEASE_SUPERSEDED",
    )


def _task_of(tx: Tx, attempt: Attempt) -> Task:
    task = tx.one(tasks.by_id(attempt.task_id))
    assert task is not None  # foreign key
    return task


def _new_attempt(tx: Tx, task: Task, *, runner_id: str, attempt_id: str, within_s: float) -> Attempt:
    history = tx.one(meta.get())
    assert history is not None  # written at first start
    return Attempt(
        attempt_id=attempt_id,
        task_id=task.task_id,
        user_id=task.user_id,
        runner_id=runner_id,
        fence=next_fence(tx.one(attempts.last_fence(task.task_id)) or 0, history.generation),
        phase=AttemptPhase.OFFERED,
        reason="",
        failure_reason=None,
        disconnected=False,
        deadline_time=tx.now_us + int(within_s * 1e6),
        acked_sequence=0,
        created_time=tx.now_us,
        accepted_time=None,
        completed_time=None,
    )
