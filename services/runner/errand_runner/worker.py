"""From what the scheduler wants to attempts at work: start, stop and forget, and tell how each ended."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from errand.v1 import runner_pb2 as pb
from errand.v1 import task_pb2
from errand_common.clock import Clock
from errand_common.errors import ErrandError
from errand_common.values import AttemptPhase, FailureReason
from errand_runner.agent.leaving import Stopper
from errand_runner.deltas import Deltas
from errand_runner.dispatch import Dispatch
from errand_runner.inputs import Inbox
from errand_runner.last_word import STOP_S, LastWord
from errand_runner.lease import Leases
from errand_runner.outbox import Log, Outbox, OutboxError
from errand_runner.outcome import Outcome

RunAttempt = Callable[[pb.Assignment, Inbox, Log, str], Awaitable[Outcome]]
"""Works on an accepted attempt and on what people write to it, writing to its log, for the runner with this id."""


@dataclass
class _Run:
    """One attempt that this runner carries. The worker alone changes it. `told`: its end is on its way."""

    fence: int
    stopped: bool
    inbox: Inbox
    over: bool = False
    told: bool = False
    task: asyncio.Task[None] | None = None
    work: asyncio.Task[Outcome] | None = None


class Worker:
    """All attempts of this runner, each a task of its own from offer to end."""

    def __init__(
        self,
        *,
        dispatch: Dispatch,
        outbox: Outbox,
        deltas: Deltas,
        leases: Leases,
        clock: Clock,
        begin: Callable[[str], Awaitable[object]],
        run_attempt: RunAttempt,
        stop_s: float = STOP_S,
    ) -> None:
        self.dispatch, self.outbox = dispatch, outbox
        dispatch.on_directives = self.on_directives
        self.deltas = deltas
        self.attempts: tuple[tuple[str, int], ...] = ()
        """The accepted attempts with their fences, replaced whole: the heartbeat's thread reads it."""
        self._leases, self._clock = leases, clock
        self._begin, self._run_attempt = begin, run_attempt
        self._last_word = LastWord(dispatch, stop_s=stop_s)
        self._runs: dict[str, _Run] = {}
        self._over: set[str] = set()
        self._runner_id = ""
        self._group = asyncio.TaskGroup()

    async def run(self, until: Awaitable[object]) -> None:
        """Carry attempts until `until` is done; then interrupt them, to be taken up by the next process."""
        async with self._group:
            await until
            for run in self._runs.values():
                if run.task is not None:
                    run.task.cancel()

    async def begin(self, runner_id: str) -> None:
        """The scheduler said who this runner is: once, before any attempt, clear what an earlier process left."""
        # What was over for the last session's scheduler may not be for one that was restored from a backup.
        self._over.clear()
        if not self._runner_id:
            await self._begin(runner_id)
            self._runner_id = runner_id

    def held_attempts(self) -> list[pb.HeldAttempt]:
        """All that this runner has written down and not seen ended."""
        return [
            pb.HeldAttempt(attempt=_ref(log.attempt_id, log.fence), last_sequence=log.last_sequence)
            for log in self.outbox.logs.values()
        ]

    def want(self, wanted: Mapping[str, pb.Assignment]) -> None:
        """Make what is carried equal to what is wanted. Idempotent."""
        for attempt_id in [*self._runs, *self.outbox.logs]:
            if attempt_id not in wanted:
                self.forget(attempt_id)
        self._over &= wanted.keys()
        for attempt_id, assignment in wanted.items():
            if attempt_id in self._over:
                # The answer to its end was faster than the change that takes it away.
                continue
            if attempt_id not in self._runs:
                if not self._declined(assignment):
                    self._start(assignment)
            elif assignment.desired_state == pb.DESIRED_STATE_STOP:
                self._stop(attempt_id, assignment.stop_cause)
            else:
                self._runs[attempt_id].inbox.hear(assignment)

    def on_verdicts(self, verdicts: Sequence[pb.AttemptVerdict]) -> None:
        """What the scheduler says of attempts that this runner has."""
        for verdict in verdicts:
            if verdict.verdict == pb.VERDICT_STOP:
                self._stop(verdict.attempt.attempt_id, verdict.stop_cause)
            elif verdict.verdict == pb.VERDICT_FORGET:
                self.forget(verdict.attempt.attempt_id)

    def on_directives(self, directives: pb.Directives) -> None:
        """What the scheduler wants, as it says with every answer."""
        self.on_verdicts(directives.verdicts)

    def forget(self, attempt_id: str) -> None:
        """The attempt is over for the scheduler: end it and drop what is kept of it. Idempotent."""
        run = self._runs.get(attempt_id)
        if run is None:
            self._leases.drop(attempt_id)
            self.outbox.forget(attempt_id)
        elif not run.over and run.task is not None:
            run.over = True
            # What takes an attempt away may overtake the answer to its end. The call tells the ends of others too, who
            # would all have to ask again.
            if not run.told:
                run.task.cancel()

    def _stop(self, attempt_id: str, cause: pb.StopCause.ValueType) -> None:
        """A person stopped it, a deadline or a drain: its work ends at once, its end is still told."""
        run = self._runs.get(attempt_id)
        if run is not None and not run.stopped:
            run.stopped = True
            run.inbox.stopper = _STOPPERS.get(cause, Stopper.PERSON)
            if run.work is not None:
                run.work.cancel()

    def _declined(self, assignment: pb.Assignment) -> bool:
        """Whether an offer is left to expire: while what is at work waits for room, nothing is added to it."""
        declined = self.outbox.blocked and assignment.phase == task_pb2.ATTEMPT_PHASE_OFFERED
        if declined:
            structlog.get_logger().warning("offer_declined", attempt_id=assignment.attempt.attempt_id)
        return declined

    def _start(self, assignment: pb.Assignment) -> None:
        attempt_id = assignment.attempt.attempt_id
        stopped = assignment.desired_state == pb.DESIRED_STATE_STOP
        run = self._runs[attempt_id] = _Run(assignment.attempt.fence, stopped, Inbox(assignment.inputs))
        run.task = self._group.create_task(self._carry(assignment, run), name=attempt_id)
        # Not the end of `_carry`: a task that is cancelled before its first step has none.
        run.task.add_done_callback(lambda _: self._put_down(attempt_id, run))

    async def _carry(self, assignment: pb.Assignment, run: _Run) -> None:
        """One attempt, from offer to end."""
        attempt_id = assignment.attempt.attempt_id
        structlog.contextvars.bind_contextvars(task_id=assignment.task.task_id, attempt_id=attempt_id)
        try:
            known = (log := self.outbox.logs.get(attempt_id)) is not None and log.fence == run.fence
            if assignment.phase == task_pb2.ATTEMPT_PHASE_OFFERED:
                if not await self._accept(assignment):
                    run.over = True
                    return
                known = True
            self.attempts = (*self.attempts, (attempt_id, run.fence))
            outcome = await self._outcome(assignment, run) if known else _FORGOT
            if assignment.phase != task_pb2.ATTEMPT_PHASE_OFFERED:
                await self._clear(attempt_id)
            outcome, last_sequence = await self._last_word.settled(self.outbox.logs.get(attempt_id), outcome)
            run.told = True
            await self._last_word.tell(assignment.attempt, outcome, last_sequence=last_sequence)
            run.over = True
        except (ErrandError, OSError, OutboxError):
            # It alone is put down; what is wanted comes again and takes it up.
            structlog.get_logger().exception("attempt_not_carried")

    def _put_down(self, attempt_id: str, run: _Run) -> None:
        del self._runs[attempt_id]
        self.attempts = tuple(pair for pair in self.attempts if pair[0] != attempt_id)
        self._leases.drop(attempt_id)
        if run.over:
            self._over.add(attempt_id)
            self.outbox.forget(attempt_id)

    async def _accept(self, assignment: pb.Assignment) -> bool:
        """Take the offer, written down first. False when it is gone."""
        attempt = assignment.attempt
        await self.outbox.hold(attempt.attempt_id, attempt.fence).noted()
        asked_s = self._clock.boot_s()
        result = await self.dispatch.accept(attempt)
        if result.error_reason:
            structlog.get_logger().info("offer_gone", reason=result.error_reason)
            return False
        self._leases.renew((attempt.attempt_id,), asked_s=asked_s)
        return True

    async def _outcome(self, assignment: pb.Assignment, run: _Run) -> Outcome:
        if not run.stopped:
            async with asyncio.TaskGroup() as group:
                log = self.outbox.logs[assignment.attempt.attempt_id]
                run.work = group.create_task(self._guarded(assignment, run.inbox, log))
        if run.work is None or run.work.cancelled():
            # Where it was a deadline or a drain, the scheduler has words of its own.
            return Outcome(AttemptPhase.CANCELLED, reason="stopped by a person")
        return run.work.result()

    async def _clear(self, attempt_id: str) -> None:
        """What an earlier process left of an attempt, if it never came back to that, goes before its end is told: then
        another attempt of the task may begin here."""
        self._leases.drop(attempt_id)
        try:
            await self._begin(self._runner_id)
        except ErrandError as exc:
            # It is looked for again before long.
            structlog.get_logger().warning("leftovers_not_removed", error=exc.message)

    async def _guarded(self, assignment: pb.Assignment, inbox: Inbox, log: Log) -> Outcome:
        """The edge of an attempt: whatever escapes from it ends it, and nothing else."""
        try:
            return await self._run_attempt(assignment, inbox, log, self._runner_id)
        except Exception:
            structlog.get_logger().exception("attempt_broke")
            reason = "something broke inside the runner; its log has the cause under this attempt"
            return Outcome(AttemptPhase.FAILED, FailureReason.INTERNAL, reason)


_STOPPERS = {pb.STOP_CAUSE_DEADLINE: Stopper.TIME, pb.STOP_CAUSE_DRAIN: Stopper.DRAIN}
_FORGOT = Outcome(
    AttemptPhase.FAILED,
    FailureReason.RUNNER_LOST,
    "the runner was restarted without its data folder and no longer has this attempt; send the task on to try again",
)


def _ref(attempt_id: str, fence: int) -> pb.AttemptRef:
    return pb.AttemptRef(attempt_id=attempt_id, fence=fence)
