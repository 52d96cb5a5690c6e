"""What an operator does to a runner, as it reaches the attempts that it has."""

from errand_common.values import AttemptPhase, RunnerMode, TaskStatus
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.decisions import AT_WORK
from errand_scheduler.lifecycle.endings import DRAINED, end_both
from errand_scheduler.lifecycle.moves import end_attempt, later, run_task, stop_attempt, task_of
from errand_scheduler.store import attempts, audit, runners, service_tokens
from errand_scheduler.store.attempts import Attempt, StopCause
from errand_scheduler.store.notices import RunnerModeSet, RunnerRevoked
from errand_scheduler.store.transaction import Tx

DRAINS = (RunnerMode.DRAINING, RunnerMode.LEAVING)
"""The modes in which what a runner has comes to an end."""
_TAKEN_BACK = "its runner was taken out of service before it accepted it"
_REVOKED = "the credential of its runner was revoked; send the task on to try again"


def set_mode(tx: Tx, runner_id: str, mode: RunnerMode, *, drain_s: float | None) -> None:
    """Store what is wanted of a runner. Unless that is work, no offer to it is left in the transaction's end, and none
    follows: whoever makes one looks at the mode in its own."""
    drain_time = None if drain_s is None else later(tx, drain_s)
    runners.set_mode(tx, runner_id, mode, drain_time=drain_time)
    tx.notice(RunnerModeSet(runner_id, mode, drain_time, set_at=tx.now))
    if mode is not RunnerMode.ACTIVE:
        for attempt in tx.all(attempts.live_of_runner(runner_id)):
            if attempt.phase is AttemptPhase.OFFERED:
                end_attempt(tx, attempt, AttemptPhase.WITHDRAWN, reason=_TAKEN_BACK)


def stop_drained(tx: Tx, attempt_id: str, durations: Durations) -> None:
    """Have a runner that is drained end what it still has at its deadline. One that waits for a person parks by itself
    within minutes, and one that is not heard of cannot be asked."""
    attempt = tx.one(attempts.by_id(attempt_id))
    if attempt is None or attempt.phase not in AT_WORK or attempt.disconnected:
        return
    runner, task = tx.one(runners.by_id(attempt.runner_id)), task_of(tx, attempt)
    if runner is None or runner.mode not in DRAINS or task.status is TaskStatus.WAITING:
        return
    stop_attempt(tx, attempt, StopCause.DRAIN, within_s=durations.stop_s, reason=DRAINED)
    run_task(tx, task, reason=f"stopping: {DRAINED}")


def revoke(tx: Tx, runner_id: str, durations: Durations) -> None:
    """Take a runner's credential away and give up what it has. Again changes nothing."""
    service_tokens.revoke_runner(tx, runner_id)
    for attempt in tx.all(attempts.live_of_runner(runner_id)):
        _give_up(tx, attempt, durations)
    tx.notice(RunnerRevoked(runner_id, removed=False))


def remove(tx: Tx, runner_id: str, durations: Durations) -> None:
    """The same, and off the list with it."""
    revoke(tx, runner_id, durations)
    runners.remove(tx, runner_id)
    tx.notice(RunnerRevoked(runner_id, removed=True))


def remove_left(tx: Tx, runner_id: str, durations: Durations) -> None:
    """Remove a runner that leaves, once it has nothing."""
    runner = tx.one(runners.by_id(runner_id))
    if runner is None or runner.removed or runner.mode is not RunnerMode.LEAVING:
        return
    if not tx.all(attempts.live_of_runner(runner_id)):
        audit.record(tx, caller=runner_id, action="leave", subject_id=runner_id)
        remove(tx, runner_id, durations)


def _give_up(tx: Tx, attempt: Attempt, durations: Durations) -> None:
    if attempt.phase is AttemptPhase.OFFERED:
        end_attempt(tx, attempt, AttemptPhase.WITHDRAWN, reason=_TAKEN_BACK)
    else:
        end_both(tx, attempt, AttemptPhase.LOST, durations, reason=_REVOKED)
