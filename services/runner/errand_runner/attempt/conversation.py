"""An attempt's conversation with Claude, put together: what is on record of it, what Claude is told, and the tools."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from errand.v1.dispatch_service_pb2 import GetTranscriptResponse
from errand.v1.runner_pb2 import AttemptRef
from errand_common.clock import to_datetime
from errand_common.errors import Conflict, NotFound
from errand_common.tasks import until_one_ends
from errand_common.values import FailureReason
from errand_runner.agent.agent import Agent
from errand_runner.agent.allowance import Amounts
from errand_runner.agent.choice import NoSuchModel
from errand_runner.agent.facts import TurnEnded
from errand_runner.agent.leaving import Leaving
from errand_runner.agent.prompt import Particulars
from errand_runner.agent.purse import Purse
from errand_runner.agent.tools import Toolbox
from errand_runner.agent.transcript import Transcript
from errand_runner.attempt.budget import limits_now, open_purse
from errand_runner.attempt.choosing import choice_of
from errand_runner.attempt.ground import Ground
from errand_runner.attempt.kit import Kit
from errand_runner.attempt.quarters import Quarters
from errand_runner.dispatch import Dispatch
from errand_runner.ending import AttemptFailed
from errand_runner.lodged_tools import LodgedTools
from errand_runner.lodger import Lodger
from errand_runner.lodging import Lodged
from errand_runner.sandbox.docker import Sandbox
from errand_runner.sandbox.strain import Strain
from errand_runner.saving import Saving
from errand_runner.talk import Hearing, restore, talk
from errand_runner.workspace import REPOSITORY

PARK_BEATS = 24
"""How long an attempt that waits keeps its slot and sandbox (ARCHITECTURE.md, Bounds)."""


@dataclass(frozen=True)
class Recalled:
    """What is on record of a task: its conversation, and what it spent."""

    transcript: Transcript
    purse: Purse


async def recall(kit: Kit) -> Recalled:
    """The task's, up to what this attempt has said. Raises AttemptFailed."""
    await kit.log.drained()
    stored = await stored_transcript(kit.means.dispatch, kit.assignment.attempt)
    try:
        transcript = await restore(
            stored, model=kit.means.model, choice=choice_of(kit.task, kit.project, host_model=kit.means.model_id)
        )
    except NoSuchModel as exc:
        raise AttemptFailed(FailureReason.MODEL_REQUEST, str(exc)) from exc
    return Recalled(transcript, open_purse(kit, stored))


async def stored_transcript(dispatch: Dispatch, attempt: AttemptRef) -> list[GetTranscriptResponse]:
    """What the scheduler keeps of the conversation. Raises AttemptFailed with its words where that is not whole."""
    try:
        return await dispatch.transcript(attempt)
    except (Conflict, NotFound) as exc:
        raise AttemptFailed(FailureReason.INTERNAL, exc.message) from exc


class Conversation:
    """One attempt's, in the sandbox of `lodger`, on ground that is ready."""

    def __init__(self, kit: Kit, quarters: Quarters, ground: Ground, lodger: Lodger, purse: Purse) -> None:
        self._kit, self._quarters, self._ground, self._lodger = kit, quarters, ground, lodger
        self._purse = purse

    async def hold(self, transcript: Transcript, saving: Saving, *, note: str = "") -> TurnEnded:
        """To the end of its last turn; `note` as in `talk`. Raises what `Lodger.through` does, and OutboxError."""
        await self._kit.note_work()
        hearing = self._hearing(transcript, *await self._lodger.through(self._read_up))
        agent = self._agent(hearing, saving)
        ended: list[TurnEnded] = []

        async def talking() -> None:
            recorder, clock, turned = self._kit.recorder, self._kit.means.clock, saving.begin
            turns = talk(agent, transcript, hearing, recorder=recorder, clock=clock, turned=turned, note=note)
            ended.append(await turns)

        await until_one_ends(talking(), self._kit.quota.watch(), saving.run())
        return ended[0]

    def _hearing(self, transcript: Transcript, guides: Mapping[str, str], uses_lfs: bool) -> Hearing:
        kit = self._kit
        about = Particulars(
            project=kit.project.repository,
            branch=kit.task.branch,
            base_branch=kit.project.default_branch,
            workspace=REPOSITORY,
            day=to_datetime(kit.means.clock.now_us()).date(),
            secrets=sorted(self._ground.secrets.agent),
            network=kit.rules().told(),
            guides=guides,
            read_repositories=tuple(kit.project.read_repositories),
            uses_lfs=uses_lfs,
        )
        return Hearing(
            inbox=kit.inbox,
            transcript=transcript,
            about=about,
            redactor=kit.redactor,
            answer_s=PARK_BEATS * kit.means.leases.beat_s,
            notes=self._ground.notes,
        )

    def _agent(self, hearing: Hearing, saving: Saving) -> Agent:
        kit = self._kit

        async def raised(limits: Amounts) -> bool:
            return await hearing.raised(limits, lambda: limits_now(kit))

        return Agent(
            model=kit.means.model,
            tools=LodgedTools(self._lodger, workspace=REPOSITORY, new_toolbox=self._toolbox, ready=saving.taken),
            prices=kit.means.prices,
            new_id=kit.means.ids.new,
            steers=hearing.steers,
            asks=hearing.asks,
            answered=hearing.answered,
            purse=self._purse,
            raised=raised,
            gate=kit.freezer.gate,
            fallback_model=choice_of(kit.task, kit.project, host_model=kit.means.model_id).fallback,
            leaving=Leaving(stopper=lambda: kit.inbox.stopper),
            now_s=kit.clock.boot_s,
            longest_delay_s=hearing.answer_s,
        )

    async def _read_up(self, lodged: Lodged) -> tuple[Mapping[str, str], bool]:
        """What the repository says of itself."""
        workspace = self._quarters.workspace(lodged)
        return await asyncio.gather(workspace.guides(), workspace.uses_lfs())

    def _toolbox(self, sandbox: Sandbox) -> Toolbox:
        kit, supervisor = self._kit, sandbox.supervisor
        kit.quota.watch_over(supervisor)
        return Toolbox(
            supervisor,
            workspace=REPOSITORY,
            redactor=kit.redactor,
            strain=Strain(supervisor, kit.means.limits, kit.quota),
            secrets=self._ground.secrets.agent,
            asides=kit.ledger.take_words,
            steered=kit.inbox.steered,
            propose=self._propose,
        )

    async def _propose(self, title: str, body: str) -> str:
        return await self._kit.delivery().propose(self._quarters.workspace(self._lodger.lodged), title, body)
