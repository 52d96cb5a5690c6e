"""One attempt, from lease to outcome: open a sandbox, get the repository, talk with Claude, deliver."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from errand.v1 import event_pb2, task_pb2
from errand.v1.dispatch_service_pb2 import GetTranscriptResponse
from errand.v1.runner_pb2 import Assignment, AttemptRef
from errand_common import wire
from errand_common.clock import Clock, to_datetime
from errand_common.disk import Room
from errand_common.errors import Conflict, ErrandError, NotFound, Unimplemented
from errand_common.ids import Ids
from errand_common.tasks import beside, until_one_ends
from errand_common.values import AttemptPhase, FailureReason
from errand_runner.agent.agent import Agent
from errand_runner.agent.facts import EndReason, TurnEnded
from errand_runner.agent.model import Model
from errand_runner.agent.prices import PriceList
from errand_runner.agent.prompt import Particulars
from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools import Toolbox
from errand_runner.agent.transcript import Transcript
from errand_runner.book import Book
from errand_runner.brake import Brake
from errand_runner.broker.broker import Broker, Egress
from errand_runner.broker.egress.internet import Internet
from errand_runner.broker.egress.ledger import Ledger
from errand_runner.broker.egress.rules import Rules
from errand_runner.delivery import Delivery
from errand_runner.deltas import Deltas
from errand_runner.dispatch import Dispatch
from errand_runner.ending import FAILURES, AttemptFailed, outcome_of_failure, outcome_of_turn
from errand_runner.engine_outage import until_engine_answers
from errand_runner.footing import is_first, tell_footing
from errand_runner.freezer import Freezer
from errand_runner.inputs import Inbox
from errand_runner.journal import Journal
from errand_runner.lease import Leases
from errand_runner.lent_secrets import LentSecrets, lent
from errand_runner.lodged_tools import LodgedTools
from errand_runner.lodger import Lodger
from errand_runner.lodging import Lodged, Lodging
from errand_runner.outage import GitPatience, HostAway, until_answered
from errand_runner.outbox import Log
from errand_runner.pool import Pool
from errand_runner.record import Recorder
from errand_runner.remotes import remotes_of
from errand_runner.sandbox.docker import Engine, Sandbox, SandboxSpec
from errand_runner.sandbox.limits import Limits
from errand_runner.sandbox.quota import Quota
from errand_runner.sandbox.strain import Strain
from errand_runner.saving import Keeper, Saving
from errand_runner.start import SandboxImage, Start
from errand_runner.steps import Steps
from errand_runner.talk import Hearing, restore, talk
from errand_runner.worker import Outcome
from errand_runner.workspace import REPOSITORY, Workspace

Answer = TypeVar("Answer")

PARK_BEATS = 24
"""How long an attempt that waits keeps its slot and sandbox (ARCHITECTURE.md, Bounds)."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """What every attempt of this runner works with."""

    engine: Engine
    room: Room
    git_patience: GitPatience
    engine_patience_s: float
    model: Model
    model_id: str
    model_key: str
    prices: PriceList
    dispatch: Dispatch
    deltas: Deltas
    internet: Internet
    leases: Leases
    brake: Brake
    clock: Clock
    ids: Ids
    image: str
    limits: Limits
    runtime: str
    image_pull: str
    socket_root: Path
    journal: Journal
    book: Book
    pool: Pool


async def stored_transcript(dispatch: Dispatch, attempt: AttemptRef) -> list[GetTranscriptResponse]:
    """What the scheduler keeps of the conversation. Raises AttemptFailed with its words where that is not whole."""
    try:
        return await dispatch.transcript(attempt)
    except (Conflict, NotFound) as exc:
        raise AttemptFailed(FailureReason.INTERNAL, exc.message) from exc


async def run_attempt(means: Means, assignment: Assignment, inbox: Inbox, log: Log, runner_id: str) -> Outcome:
    """Work on an accepted attempt, and on what comes into its inbox, until it succeeds or fails.

    What it did is in its log; the workspace stays.
    """
    recorder = Recorder(log, means.deltas, task_id=assignment.task.task_id)
    attempt = _Attempt(means, assignment, inbox, log, recorder, runner_id)
    try:
        outcome = outcome_of_turn(await attempt.run())
    except FAILURES as exc:
        outcome = outcome_of_failure(exc)
    # It may quote git, or whatever else was heard.
    return replace(outcome, reason=attempt.redactor.text(outcome.reason))


class _Attempt:
    def __init__(
        self, means: Means, assignment: Assignment, inbox: Inbox, log: Log, recorder: Recorder, runner_id: str
    ) -> None:
        self.means, self.assignment, self.inbox, self.log, self.recorder = means, assignment, inbox, log, recorder
        self.runner_id = runner_id
        self.task, self.project = assignment.task, assignment.project
        self.redactor = Redactor([means.model_key])
        self.quota = Quota(means.limits.workspace_bytes)
        self.freezer = Freezer(
            log.attempt_id, leases=means.leases, brake=means.brake, clock=means.clock, teller=recorder
        )
        self.clock = self.freezer.clock
        self.ledger = Ledger(recorder.egress_used)
        self.steps = Steps(recorder=recorder, freezer=self.freezer, ids=means.ids)
        self.start = Start(
            self.project, steps=self.steps, images=means.engine.images, pull=means.image_pull, redactor=self.redactor
        )
        self.image = SandboxImage(means.image)
        self.secrets = LentSecrets()
        self.keeper = Keeper(recorder, self._patiently, self.redactor)
        self.notes: Sequence[str] = ()
        self.remotes = remotes_of(assignment, dispatch=means.dispatch, redactor=self.redactor, now_s=means.clock.boot_s)
        self.ended: TurnEnded | None = None

    async def run(self) -> TurnEnded:
        """The story, which stands still while the scheduler is out of reach for long."""
        # From here and not only once it opens: its workspace is not removed while it waits for GitHub.
        in_use = self.means.book.in_use(self.task.task_id)
        with in_use, self.means.brake.carrying(self.log.attempt_id, self.task.task_id):
            try:
                await until_one_ends(self.work(), self.freezer.watch(), self.ledger.watch())
            finally:
                await self.ledger.settle()
        assert self.ended is not None, "watching never ends by itself"
        return self.ended

    async def work(self) -> None:
        """The story. Whatever the turn came to, what it committed is delivered."""
        await self.recorder.phase(AttemptPhase.STARTING)
        if not self.recorder.resumed:
            await self.recorder.step(event_pb2.STEP_QUEUE, wire.seconds(self.assignment.queue_duration))
        async with AsyncExitStack() as stack:
            with self.means.pool.starting():
                await self._check_room()
                lodger = await self._move_in(stack)
                async with beside(self._transcript()) as reading:
                    await lodger.through(self._get_ready)
                    transcript = await reading
            await self.recorder.phase(AttemptPhase.RUNNING)
            saving = Saving(lodger, self.keeper, workspace_of=self._workspace)
            ended = await self._turn(lodger, transcript, saving)
            if ended.reason is EndReason.PARKED:
                await saving.last()
            else:
                await self._deliver(lodger, ended)
        self.ended = ended

    async def _move_in(self, stack: AsyncExitStack) -> Lodger:
        """Into a sandbox, while what is lent is asked for."""
        async with beside(self._borrow()) as borrowing, beside(self._borrow_secrets()) as borrowing_secrets:
            if self.project.image:
                # Getting it may take minutes, and a missing right is told at once.
                await borrowing
            self.image = await self._get_image()
            lodger = await stack.enter_async_context(self._lodger().housed())
            await borrowing
            self.secrets = await borrowing_secrets
        return lodger

    def _lodger(self) -> Lodger:
        means = self.means
        lodging = Lodging(
            self.log.attempt_id,
            self.task.task_id,
            engine=means.engine,
            journal=means.journal,
            book=means.book,
            ids=means.ids,
            socket_root=means.socket_root,
            freezer=self.freezer,
            recorder=self.recorder,
            steps=self.steps,
            new_broker=self._broker,
            new_spec=self._spec,
            made_ahead=partial(means.pool.take, **asdict(self.image)),
        )
        return Lodger(
            lodging,
            engine=means.engine,
            patience_s=means.engine_patience_s,
            gate=self.freezer.gate,
            clock=self.clock,
            recorder=self.recorder,
            settle=lambda lodged: self._workspace(lodged).take_up(),
        )

    def _broker(self, socket_dir: Path) -> Broker:
        leases, attempt_id = self.means.leases, self.log.attempt_id
        return Broker(
            socket_dir=socket_dir,
            remotes=self.remotes,
            allow=lambda: leases.fresh(attempt_id),
            holds=lambda: leases.holds(attempt_id),
            egress=Egress(rules=self._rules, internet=self.means.internet, ledger=self.ledger),
            fetches=not self.recorder.began,
        )

    def _rules(self) -> Rules:
        """As the project has them now: people may change them while the attempt works."""
        egress = (self.inbox.project or self.project).egress
        return Rules.of(wire.word(task_pb2.EgressMode, egress.mode), egress.allowed_hosts)

    def _spec(self, sandbox_id: str, workspace_id: str, socket_dir: Path) -> SandboxSpec:
        return SandboxSpec(
            sandbox_id=sandbox_id,
            workspace_id=workspace_id,
            task_id=self.task.task_id,
            runner_id=self.runner_id,
            socket_dir=socket_dir,
            limits=self.means.limits,
            runtime=self.means.runtime,
            **asdict(self.image),
        )

    def _workspace(self, lodged: Lodged) -> Workspace:
        sandbox, broker = lodged
        holding = self.means.book.of(self.task.task_id)
        assert holding is not None, "who is lodged has a workspace"
        return Workspace(
            sandbox.supervisor,
            remote_url=broker.remote_url,
            branch=self.task.branch,
            default_branch=self.project.default_branch,
            host=broker.host,
            task_id=self.task.task_id,
            workspace_id=holding.workspace_id,
            head=self.task.head_commit,
            checkpoint_commit=self.task.checkpoint_commit,
            earlier=self.recorder.began or not is_first(self.assignment.attempt.fence),
            git_config=broker.git_config,
        )

    async def _get_image(self) -> SandboxImage:
        probe = self._spec(self.means.ids.new("sbx"), "", self.means.socket_root)

        async def get() -> SandboxImage:
            await self.freezer.gate()
            return await self.start.image(probe)

        if not self.recorder.began:
            # It may begin on another host while the engine of this one is away.
            return await get()
        patience_s, away = self.means.engine_patience_s, self.recorder.engine_away
        return await until_engine_answers(get, patience_s=patience_s, clock=self.clock, away=away)

    async def _get_ready(self, lodged: Lodged) -> None:
        workspace = self._workspace(lodged)
        if self.recorder.began and await workspace.take_up():
            return
        footing = await self.start.clone(workspace, self._patiently, patience_s=self.means.git_patience.budget_s)
        self.notes = await tell_footing(footing, self.task, self.recorder)
        await self.start.set_up(lodged[0].supervisor, self.secrets)

    async def _transcript(self) -> Transcript:
        await self.log.drained()
        stored = await stored_transcript(self.means.dispatch, self.assignment.attempt)
        return await restore(stored, model=self.means.model, model_id=self.means.model_id)

    async def _turn(self, lodger: Lodger, transcript: Transcript, saving: Saving) -> TurnEnded:
        guides, uses_lfs = await lodger.through(self._read_up)
        about = Particulars(
            project=self.project.repository,
            branch=self.task.branch,
            base_branch=self.project.default_branch,
            workspace=REPOSITORY,
            day=to_datetime(self.means.clock.now_us()).date(),
            secrets=sorted(self.secrets.agent),
            network=self._rules().told(),
            guides=guides,
            read_repositories=tuple(self.project.read_repositories),
            uses_lfs=uses_lfs,
        )
        hearing = Hearing(
            inbox=self.inbox,
            transcript=transcript,
            about=about,
            redactor=self.redactor,
            answer_s=PARK_BEATS * self.means.leases.beat_s,
            notes=self.notes,
        )
        agent = Agent(
            model=self.means.model,
            tools=LodgedTools(lodger, workspace=REPOSITORY, new_toolbox=self._toolbox, ready=saving.taken),
            prices=self.means.prices,
            new_id=self.means.ids.new,
            steers=hearing.steers,
            asks=hearing.asks,
            answered=hearing.answered,
            gate=self.freezer.gate,
            now_s=self.clock.boot_s,
            longest_delay_s=hearing.answer_s,
        )
        ended: list[TurnEnded] = []

        async def talking() -> None:
            clock = self.means.clock
            talked = talk(agent, transcript, hearing, recorder=self.recorder, clock=clock, turned=saving.begin)
            ended.append(await talked)

        await until_one_ends(talking(), self.quota.watch(), saving.run())
        return ended[0]

    async def _read_up(self, lodged: Lodged) -> tuple[Mapping[str, str], bool]:
        """What the repository says of itself."""
        workspace = self._workspace(lodged)
        return await asyncio.gather(workspace.guides(), workspace.uses_lfs())

    def _toolbox(self, sandbox: Sandbox) -> Toolbox:
        self.quota.watch_over(sandbox.supervisor)
        strain = Strain(sandbox.supervisor, self.means.limits, self.quota)
        return Toolbox(
            sandbox.supervisor,
            workspace=REPOSITORY,
            redactor=self.redactor,
            strain=strain,
            secrets=self.secrets.agent,
            asides=self.ledger.take_words,
        )

    async def _deliver(self, lodger: Lodger, ended: TurnEnded) -> None:
        """Push what was committed and see to the pull request. Nothing new: nothing to do."""
        delivery = Delivery(
            self.assignment, self.means.dispatch, self.recorder, self.clock, self._patiently, self.redactor
        )
        changes = await lodger.through(lambda lodged: delivery.push(self._workspace(lodged)))
        # On another git host there is nothing to open: the scheduler has said so in the task.
        if changes is not None and not self.project.git_host:
            await delivery.open_pull_request(changes, ended)

    async def _patiently(self, step: Callable[[], Awaitable[Answer]]) -> Answer:
        """A step that needs GitHub, tried again while that is away. Raises HostAway when it stays away."""

        async def passed() -> Answer:
            await self.freezer.gate()
            return await step()

        patience = self.means.git_patience

        async def delayed(reason: str, delay_s: float) -> None:
            await self.recorder.git_delayed(self.redactor.text(reason), delay_s)

        return await until_answered(passed, patience=patience, clock=self.clock, delayed=delayed)

    async def _check_room(self) -> None:
        if shortage := await asyncio.to_thread(self.means.room.shortage):
            raise AttemptFailed(FailureReason.DISK, f"{shortage}, then send the task on")

    async def _borrow(self) -> None:
        """Ask once before the work starts: a missing right is told at once, and the value is masked from then on."""
        try:
            await self._patiently(self.remotes[0].lent.get)
        except (ErrandError, HostAway) as exc:
            message = f"no credential for {self.project.repository}: {exc}"
            raise AttemptFailed(FailureReason.REPOSITORY, message) from exc

    async def _borrow_secrets(self) -> LentSecrets:
        """The project's secrets, in memory for as long as this attempt lives; masked from then on."""
        try:
            secrets = lent(await self.means.dispatch.lend_secrets(self.assignment.attempt))
        except Unimplemented:
            # A scheduler of an older release has none.
            return LentSecrets()
        except ErrandError as exc:
            message = f"the secrets of {self.project.repository} cannot be had: {exc}"
            raise AttemptFailed(FailureReason.REPOSITORY, message) from exc
        for value in secrets.setup.values():
            self.redactor.add(value)
        return secrets
