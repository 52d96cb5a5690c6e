"""What one attempt has to work with from its beginning to its end, beside the runner's means."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from errand.v1 import task_pb2
from errand.v1.runner_pb2 import Assignment
from errand_common import wire
from errand_common.tasks import to_the_end
from errand_runner.agent.redact import Redactor
from errand_runner.attempt.means import Means
from errand_runner.broker.egress.ledger import Ledger
from errand_runner.broker.egress.rules import Rules
from errand_runner.delivery import Delivery
from errand_runner.freezer import Freezer
from errand_runner.inputs import Inbox
from errand_runner.journal import JournalFailed
from errand_runner.outage import until_answered
from errand_runner.outbox import Log
from errand_runner.record import Recorder
from errand_runner.remotes import remotes_of
from errand_runner.sandbox.quota import Quota
from errand_runner.saving import Keeper, Patiently
from errand_runner.steps import Steps

Answer = TypeVar("Answer")


class Kit:
    """One attempt's. `clock` stands still while the attempt does."""

    def __init__(self, means: Means, assignment: Assignment, inbox: Inbox, log: Log, runner_id: str) -> None:
        self.means, self.assignment, self.inbox, self.log = means, assignment, inbox, log
        self.runner_id = runner_id
        self.task, self.project = assignment.task, assignment.project
        self.recorder = Recorder(log, means.deltas, task_id=assignment.task.task_id)
        self.redactor = Redactor([means.model_key])
        self.quota = Quota(means.limits.workspace_bytes)
        self.freezer = Freezer(
            log.attempt_id, leases=means.leases, brake=means.brake, clock=means.clock, teller=self.recorder
        )
        self.clock = self.freezer.clock
        self.ledger = Ledger(self.recorder.egress_used)
        self.steps = Steps(recorder=self.recorder, freezer=self.freezer, ids=means.ids)
        self.remotes = remotes_of(assignment, dispatch=means.dispatch, redactor=self.redactor, now_s=means.clock.boot_s)

    def rules(self) -> Rules:
        """Of egress, as the project has them now: people may change them while the attempt works. Nothing is reached
        once it is stopped."""
        if self.inbox.stopped:
            return Rules()
        egress = (self.inbox.project or self.project).egress
        return Rules.of(wire.word(task_pb2.EgressMode, egress.mode), egress.allowed_hosts)

    def keeper(self, patiently: Patiently | None = None) -> Keeper:
        """Of the attempt's checkpoints; `patiently` in the place of its own."""
        return Keeper(self.recorder, patiently or self.patiently, self.redactor, self._note_saved)

    def delivery(self) -> Delivery:
        """Of what its turns come to."""
        return Delivery(
            self.assignment,
            self.means.dispatch,
            self.recorder,
            self.clock,
            self.patiently,
            self.redactor,
            self.keeper(),
        )

    async def note_work(self) -> None:
        """From now on the workspace may be the only one to have what is done in it. Raises JournalFailed."""
        await to_the_end(asyncio.to_thread(self.means.book.note_saved, self.task.task_id, False))

    async def _note_saved(self) -> None:
        try:
            await to_the_end(asyncio.to_thread(self.means.book.note_saved, self.task.task_id, True))
        except JournalFailed as exc:
            # It only goes later than it might.
            structlog.get_logger().warning("saved_not_noted", error=str(exc))

    async def patiently(self, step: Callable[[], Awaitable[Answer]]) -> Answer:
        """A step that needs GitHub or git, tried again while that is away or killed. Raises as `until_answered`."""

        async def passed() -> Answer:
            await self.freezer.gate()
            return await step()

        async def delayed(reason: str, delay_s: float) -> None:
            await self.recorder.git_delayed(self.redactor.text(reason), delay_s)

        return await until_answered(passed, patience=self.means.git_patience, clock=self.clock, delayed=delayed)
