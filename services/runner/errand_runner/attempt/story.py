"""One attempt, as a story: into a sandbox, the repository, the conversation, and what it came to."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

from errand.v1 import event_pb2
from errand.v1.runner_pb2 import Assignment
from errand_common import wire
from errand_common.disk import Room
from errand_common.tasks import beside, until_one_ends
from errand_common.values import AttemptPhase, FailureReason
from errand_runner.agent.facts import TurnEnded
from errand_runner.attempt.borrowing import borrow_credential, borrow_secrets
from errand_runner.attempt.checking import Checking
from errand_runner.attempt.conversation import Conversation, recall
from errand_runner.attempt.finishing import Finishing
from errand_runner.attempt.ground import Ground
from errand_runner.attempt.kit import Kit
from errand_runner.attempt.means import Means
from errand_runner.attempt.quarters import Quarters
from errand_runner.ending import FAILURES, AttemptFailed, outcome_of_failure, outcome_of_turn
from errand_runner.finish import Finish
from errand_runner.finish_wire import finish_of, known_check
from errand_runner.inputs import Inbox
from errand_runner.lodger import Lodger
from errand_runner.outbox import Log
from errand_runner.outcome import Outcome
from errand_runner.rescue import RESCUE_BEATS, Rescue, at_once
from errand_runner.saving import Saving
from errand_runner.start import Start
from errand_runner.steps import PULL_BEATS


async def run_attempt(means: Means, assignment: Assignment, inbox: Inbox, log: Log, runner_id: str) -> Outcome:
    """Work on an accepted attempt, and on what comes into its inbox, until it succeeds or fails.

    What it did is in its log; the workspace stays.
    """
    kit = Kit(means, assignment, inbox, log, runner_id)
    try:
        outcome = await _Attempt(kit).run()
    except FAILURES as exc:
        outcome = outcome_of_failure(exc)
    # It may quote git, or whatever else was heard.
    return replace(outcome, reason=kit.redactor.text(outcome.reason))


async def check_room(room: Room) -> None:
    """Whether an attempt may begin. Raises AttemptFailed, in words for the task's owner, where a disk is too full."""
    if shortage := await asyncio.to_thread(room.shortage):
        raise AttemptFailed(FailureReason.DISK, f"{shortage}, then send the task on")


class _Attempt:
    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        start = Start(
            kit.project,
            steps=kit.steps,
            images=kit.means.engine.images,
            pull_within_s=PULL_BEATS * kit.means.leases.beat_s if kit.means.pulls_images else None,
            redactor=kit.redactor,
        )
        self.quarters = Quarters(kit, start)
        self.ground = Ground(kit, self.quarters, start)
        self.ended: TurnEnded | None = None
        self.finish: Finish | None = None

    async def run(self) -> Outcome:
        """The story, which stands still while the scheduler is out of reach for long."""
        kit = self.kit
        # From here and not only once it opens: its workspace is not removed while it waits for GitHub.
        in_use = kit.means.book.in_use(kit.task.task_id)
        with in_use, kit.means.brake.carrying(kit.log.attempt_id, kit.task.task_id):
            try:
                await until_one_ends(self.work(), kit.freezer.watch(), kit.ledger.watch())
            finally:
                await kit.ledger.settle()
        assert self.ended is not None, "watching never ends by itself"
        finish = finish_of(self.finish, kit.redactor) if self.finish else None
        return replace(outcome_of_turn(self.ended), finish=finish)

    async def work(self) -> None:
        """The story. Whatever a turn came to, what it committed is delivered."""
        kit = self.kit
        await kit.recorder.phase(AttemptPhase.STARTING)
        if not kit.recorder.resumed:
            await kit.recorder.step(event_pb2.STEP_QUEUE, wire.seconds(kit.assignment.queue_duration))
        async with AsyncExitStack() as stack:
            with kit.means.pool.starting():
                await check_room(kit.means.room)
                lodger = await self._move_in(stack)
                async with beside(recall(kit)) as reading:
                    await lodger.through(self.ground.get_ready)
                    recalled = await reading
            await kit.recorder.phase(AttemptPhase.RUNNING)
            saving = Saving(lodger, kit.keeper(), workspace_of=self.quarters.workspace)
            conversation = Conversation(kit, self.quarters, self.ground, lodger, recalled.purse)
            async with self._rescue(lodger).of_what_breaks_off():
                ended = await conversation.hold(recalled.transcript, saving)
                finishing = Finishing(kit, self.quarters, lodger, saving, conversation, self._checking())
                self.ended, self.finish = await finishing.finish(ended, recalled.transcript)

    async def _move_in(self, stack: AsyncExitStack) -> Lodger:
        """Into a sandbox, while what is lent is asked for."""
        async with beside(borrow_credential(self.kit)) as borrowing, beside(borrow_secrets(self.kit)) as secrets:
            if self.kit.project.image:
                # Getting it may take minutes, and a missing right is told at once.
                await borrowing
            await self.quarters.get_image()
            lodger = await stack.enter_async_context(self.quarters.lodger(self.ground.settle).housed())
            await borrowing
            self.ground.secrets = await secrets
        return lodger

    def _checking(self) -> Checking:
        known = known_check(self.kit.assignment.last_check)
        return Checking(self.kit, self.quarters, lambda: self.ground.secrets, known=known)

    def _rescue(self, lodger: Lodger) -> Rescue:
        kit = self.kit
        return Rescue(
            lambda: lodger.home,
            kit.keeper(at_once),
            workspace_of=self.quarters.workspace,
            stopped=lambda: kit.inbox.stopped,
            save_s=RESCUE_BEATS * kit.means.leases.beat_s,
        )
