"""The last word on an attempt: how it ended, told to the scheduler after everything that it wrote down."""

import asyncio
from contextlib import suppress

import structlog

from errand.v1 import runner_pb2 as pb
from errand.v1 import task_pb2
from errand_common import wire
from errand_common.values import AttemptPhase, FailureReason
from errand_runner.dispatch import Dispatch
from errand_runner.outbox import Log
from errand_runner.outcome import Outcome

STOP_S = 3.0
"""How long the end of a stopped attempt waits for the events before it."""

_GAP = Outcome(
    AttemptPhase.FAILED,
    FailureReason.INTERNAL,
    "the scheduler no longer has events that it acknowledged; was it restored from a backup? send the task on",
)


class LastWord:
    """That on any attempt; `stop_s` is how long that on a stopped one waits for the events before it."""

    def __init__(self, dispatch: Dispatch, *, stop_s: float = STOP_S) -> None:
        self._dispatch, self._stop_s = dispatch, stop_s

    async def settled(self, log: Log | None, outcome: Outcome) -> tuple[Outcome, int]:
        """Once everything before the end is safe: what there is to tell, and the last event before it."""
        if log is None:
            return outcome, 0
        await self._drained(log, outcome)
        if outcome.phase is AttemptPhase.CANCELLED:
            # It ends without what could not be written; that there was more, the scheduler reckons with.
            return outcome, log.given_sequence
        if log.broken is None:
            return outcome, log.last_sequence
        return Outcome(AttemptPhase.FAILED, FailureReason.INTERNAL, str(log.broken)), 0

    async def tell(self, attempt: pb.AttemptRef, outcome: Outcome, *, last_sequence: int) -> None:
        """Tell it, until the scheduler has answered."""
        result = await self._ask(attempt, outcome, last_sequence=last_sequence)
        if result.error_reason == "EVENT_GAP":
            # It waits for events that never come: whatever the record lacks, the attempt is over.
            if outcome.phase is not AttemptPhase.CANCELLED:
                outcome = _GAP
            result = await self._ask(attempt, outcome, last_sequence=0)
        structlog.get_logger().info(
            "attempt_finished",
            phase=outcome.phase,
            failure_reason=outcome.failure_reason,
            refused=result.error_reason or None,
        )

    async def _drained(self, log: Log, outcome: Outcome) -> None:
        """Return once the log's events are safe. Who stopped the attempt waits for its end, not for its record."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._stop_s if outcome.phase is AttemptPhase.CANCELLED else None):
                await log.drained()

    async def _ask(self, attempt: pb.AttemptRef, outcome: Outcome, *, last_sequence: int) -> pb.ItemResult:
        told = pb.AttemptOutcome(
            attempt=attempt,
            phase=wire.number(task_pb2.AttemptPhase, outcome.phase),
            failure_reason=wire.number(task_pb2.FailureReason, outcome.failure_reason),
            reason=outcome.reason,
            last_sequence=last_sequence,
            finish=outcome.finish,
        )
        return await self._dispatch.finish(told)
