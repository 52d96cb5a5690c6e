"""What a runner that connects says it has, judged; what it should have and has not is given up."""

from collections.abc import Sequence
from dataclasses import dataclass

from errand_common.values import AttemptPhase
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.decisions import Held, on_held
from errand_scheduler.lifecycle.endings import end_both
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.store import attempts
from errand_scheduler.store.transaction import Tx

_FORGOTTEN = "its runner restarted and no longer has it; send the task on to try again"
_ROLLED_BACK = "its runner lost what it had written down of it; send the task on to try again"


@dataclass(frozen=True)
class Claim:
    """An attempt that a runner says it has, with its last event."""

    holder: Holder
    last_sequence: int


def take_inventory(
    tx: Tx, *, runner_id: str, claims: Sequence[Claim], newly_started: bool, durations: Durations
) -> list[Held]:
    """A verdict on each claim, in order. What a newly started process does not name though it accepted it is given up.

    The runner's session is noted by the caller, in the same transaction.
    """
    if newly_started:
        known = {claim.holder.attempt_id for claim in claims}
        for attempt in tx.all(attempts.live_of_runner(runner_id)):
            if attempt.attempt_id not in known and attempt.phase is not AttemptPhase.OFFERED:
                end_both(tx, attempt, AttemptPhase.LOST, durations, reason=_FORGOTTEN)
    return [_judge(tx, claim, durations, newly_started=newly_started) for claim in claims]


def _judge(tx: Tx, claim: Claim, durations: Durations, *, newly_started: bool) -> Held:
    """One that has fewer events than are stored comes from a copy, or an older state, of the runner's folder. Of a
    process that is known it comes from its own request, repeated late."""
    attempt = tx.one(attempts.by_id(claim.holder.attempt_id))
    verdict = on_held(attempt, runner_id=claim.holder.runner_id, fence=claim.holder.fence)
    if not newly_started:
        return verdict
    if attempt is not None and verdict is Held.KEEP and claim.last_sequence < attempt.acked_sequence:
        end_both(tx, attempt, AttemptPhase.LOST, durations, reason=_ROLLED_BACK)
        return Held.FORGET
    return verdict
