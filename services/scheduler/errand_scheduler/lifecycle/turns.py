"""An attempt's way: offered, accepted, at work, finished."""

from dataclasses import dataclass

from errand.v1 import runner_pb2
from errand_common.errors import Conflict
from errand_common.values import AttemptPhase, FailureReason
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.decisions import ended_as, follows, next_fence, owns, precedes
from errand_scheduler.lifecycle.endings import end_with
from errand_scheduler.lifecycle.finishes import note_finish
from errand_scheduler.lifecycle.moves import begin_attempt, follow_attempt, later, move_attempt, run_task
from errand_scheduler.store import attempts, carried, tasks
from errand_scheduler.store.attempts import Attempt, StopCause
from errand_scheduler.store.carried import Carried
from errand_scheduler.store.transaction import Tx


@dataclass(frozen=True)
class Holder:
    """Who writes: a runner, and the attempt that it names with its fence."""

    runner_id: str
    attempt_id: str
    fence: int


@dataclass(frozen=True)
class AttemptEnd:
    """How a runner says that an attempt ended; `last_sequence` is its last event, `finish` what a success came to."""

    phase: AttemptPhase
    failure: FailureReason | None
    reason: str
    last_sequence: int
    finish: runner_pb2.Finish | None = None


def offer(tx: Tx, *, task_id: str, runner_id: str, attempt_id: str, durations: Durations) -> Attempt | None:
    """Offer a pending task to a runner under a new fence; none if the task no longer waits, or the runner is not to be
    offered anything: whoever took it out of service meanwhile was told that nothing follows."""
    found = tx.one(carried.offerable(task_id, runner_id=runner_id))
    if found is None or not found.pending or not found.takes_offers or found.live:
        return None
    attempt = Attempt(
        attempt_id=attempt_id,
        task_id=task_id,
        user_id=found.user_id,
        runner_id=runner_id,
        fence=next_fence(found.last_fence, found.generation),
        phase=AttemptPhase.OFFERED,
        reason="",
        failure_reason=None,
        stop_cause=None,
        disconnected=False,
        deadline_time=later(tx, durations.offer_s),
        acked_sequence=0,
        created_time=tx.now_us,
        accepted_time=None,
        completed_time=None,
    )
    begin_attempt(tx, attempt)
    return attempt


def accept(tx: Tx, holder: Holder, durations: Durations) -> None:
    """Take an offer; again changes nothing. Raises Conflict LEASE_SUPERSEDED when it is gone, or comes from a restored
    backup: in the history that followed the backup it may have been taken, and run."""
    found = _load_carried(tx, holder)
    attempt = found.attempt
    if attempt.phase.final:
        raise superseded(holder)
    if attempt.phase is not AttemptPhase.OFFERED:
        return
    if precedes(attempt.fence, found.generation):
        raise superseded(holder)
    move_attempt(tx, attempt, AttemptPhase.ACCEPTED, within_s=durations.accepted_s)
    run_task(tx, found.task)


def advance(tx: Tx, attempt: Attempt, phase: AttemptPhase, durations: Durations) -> Attempt:
    """Follow the phase that the runner's event, stored in this transaction, reports; returns the attempt as it is then.

    One that does not rise, or is not a phase of work, changes nothing. Reaching `running` ends a row of failures.
    """
    if not follows(attempt.phase, phase):
        return attempt
    if phase is AttemptPhase.RUNNING:
        tasks.forget_retries(tx, attempt.task_id)
        return follow_attempt(tx, attempt, phase, within_s=durations.running_s)
    return follow_attempt(tx, attempt, phase, within_s=durations.starting_s)


def finish(tx: Tx, holder: Holder, end: AttemptEnd, durations: Durations) -> None:
    """End an attempt; again changes nothing. A stop that its runner carried out is over without the last events: it
    ends also while they cannot be stored. Raises Conflict LEASE_SUPERSEDED when it is over already, EVENT_GAP while
    events are missing, WRONG_STATE when it was never accepted."""
    found = _load_carried(tx, holder)
    attempt = found.attempt
    if attempt.phase.final:
        if attempt.phase is ended_as(attempt, end.phase):
            return
        raise superseded(holder)
    if attempt.phase is AttemptPhase.OFFERED:
        raise Conflict(f"attempt {holder.attempt_id} is only offered; accept it before finishing it")
    stopped = attempt.phase is AttemptPhase.STOPPING and end.phase is AttemptPhase.CANCELLED
    stored = attempt.acked_sequence >= end.last_sequence
    if not (stored or stopped):
        raise Conflict(
            f"attempt {holder.attempt_id} has events up to {attempt.acked_sequence} stored, its last is"
            f" {end.last_sequence}; send the rest, then finish it again",
            reason="EVENT_GAP",
        )
    # Events that could never be stored are what broke some.
    told_all = stored and end.failure is not FailureReason.INTERNAL
    # Of what a person stopped there is none, even where it had just come to its end.
    if end.finish is not None and attempt.stop_cause is not StopCause.PERSON:
        note_finish(tx, found.task, attempt, end.finish)
    end_with(
        tx,
        found.task,
        attempt,
        end.phase,
        durations,
        reason=end.reason,
        failure=end.failure,
        told_all=told_all,
    )


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


def _load_carried(tx: Tx, holder: Holder) -> Carried:
    """The same with its task."""
    found = tx.one(carried.by_id(holder.attempt_id))
    if found is None or not owns(found.attempt, runner_id=holder.runner_id, fence=holder.fence):
        raise superseded(holder)
    return found
