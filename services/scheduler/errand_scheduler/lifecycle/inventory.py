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
_TWO_STORIES = "two processes worked on it as the same runner; send the task on to try again"
_ROLLED_BACK = "its runner lost what it had written down of it; send the task on to try again"


@dataclass(frozen=True)
class Claim:
    """An attempt that a runner says it has, with its last event. `overtaken` where another process of the runner told
    events of it since: that counts against one that comes back."""

    holder: Holder
    last_sequence: int
    overtaken: bool = False


def take_inventory(
    tx: Tx,
    *,
    runner_id: str,
    claims: Sequence[Claim],
    newly_started: bool,
    durations: Durations,
    came_back: bool = False,
) -> list[Held]:
    """A verdict on each claim, in order. What a newly started process does not name though it accepted it is given up;
    not so of one that `came_back` after another had its place: what it does not name, the other may have accepted.

    The runner's session is noted by the caller, in the same transaction.
    """
    if newly_started:
        known = {claim.holder.attempt_id for claim in claims}
        for attempt in tx.all(attempts.live_of_runner(runner_id)):
            if attempt.attempt_id not in known and attempt.phase is not AttemptPhase.OFFERED:
                end_both(tx, attempt, AttemptPhase.LOST, durations, reason=_FORGOTTEN)

    def untrue(claim: Claim) -> str:
        if came_back and claim.overtaken:
            return _TWO_STORIES
        # Of the process whose session it is already, fewer events come from its own request, repeated late.
        return _ROLLED_BACK if (newly_started or came_back) and _is_older(tx, claim) else ""

    return [_judge(tx, claim, durations, untrue=untrue(claim)) for claim in claims]


def _is_older(tx: Tx, claim: Claim) -> bool:
    """Whether it has fewer events than are stored: it comes from a copy, or an older state, of the runner's folder."""
    attempt = tx.one(attempts.by_id(claim.holder.attempt_id))
    return attempt is not None and claim.last_sequence < attempt.acked_sequence


def _judge(tx: Tx, claim: Claim, durations: Durations, *, untrue: str) -> Held:
    """What the runner has is kept only where it is what was told; why it is `untrue` ends the attempt."""
    attempt = tx.one(attempts.by_id(claim.holder.attempt_id))
    verdict = on_held(attempt, runner_id=claim.holder.runner_id, fence=claim.holder.fence)
    if attempt is not None and verdict is Held.KEEP and untrue:
        end_both(tx, attempt, AttemptPhase.LOST, durations, reason=untrue)
        return Held.FORGET
    return verdict
