"""What attempts do in a schedule: the real Recorder, Inbox and Freezer; the sandbox and git are scripted."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from errand.v1 import event_pb2, task_pb2
from errand.v1.dispatch_service_pb2 import OpenPullRequestRequest
from errand_common.errors import Conflict, Denied, ErrandError, Unavailable
from errand_common.tasks import until_one_ends
from errand_common.values import AttemptPhase, FailureReason
from errand_runner.agent.redact import Redactor
from errand_runner.brake import Brake
from errand_runner.finish import Finish
from errand_runner.finish_wire import finish_of
from errand_runner.freezer import Freezer
from errand_runner.inputs import Inbox
from errand_runner.journal import JournalFailed
from errand_runner.lodging import Lodging
from errand_runner.outbox import Log, OutboxError
from errand_runner.outcome import Outcome
from errand_runner.record import Recorder
from errand_runner.sandbox.docker import EngineUnavailable, SandboxFailed, SandboxSpec
from errand_runner.steps import Steps
from tests.sim.conversation import Conversation, Parked
from tests.sim.engine import Broker
from tests.sim.outside import Container
from tests.sim.poison import STUMBLE
from tests.sim.temper import Means

_INFRASTRUCTURE = (FailureReason.ENGINE, FailureReason.IMAGE, FailureReason.SANDBOX, FailureReason.DISK)


async def run_attempt(means: Means, assignment: Any, inbox: Inbox, log: Log, runner_id: str) -> Outcome:
    """As errand_runner.attempt.run_attempt, without Claude, Docker and git."""
    recorder = Recorder(log, means.deltas, task_id=assignment.task.task_id)
    freezer = Freezer(
        log.attempt_id, leases=means.leases, brake=Brake(means.leases), clock=means.clock, teller=recorder
    )
    work = _Work(means, assignment, inbox, log, recorder, freezer)
    try:
        await until_one_ends(work.run(), freezer.watch())
    except Parked:
        return Outcome(AttemptPhase.PARKED)
    except (SandboxFailed, JournalFailed) as exc:
        return Outcome(AttemptPhase.FAILED, FailureReason.SANDBOX, str(exc))
    except EngineUnavailable as exc:
        return Outcome(AttemptPhase.FAILED, FailureReason.ENGINE, str(exc))
    except OutboxError as exc:
        return Outcome(AttemptPhase.FAILED, FailureReason.INTERNAL, str(exc))
    except ErrandError as exc:
        return Outcome(AttemptPhase.FAILED, FailureReason.PUSH, exc.message)
    assert work.outcome is not None
    return work.outcome


class _Work:
    def __init__(
        self, means: Means, assignment: Any, inbox: Inbox, log: Log, recorder: Recorder, freezer: Freezer
    ) -> None:
        self.means, self.assignment, self.inbox, self.log = means, assignment, inbox, log
        self.recorder, self.freezer, self.chance = recorder, freezer, means.chance
        self.temper, self.task_id = means.temper, assignment.task.task_id
        self.steps = Steps(recorder=recorder, freezer=freezer, ids=means.ids)
        self.outcome: Outcome | None = None

    async def run(self) -> None:
        """The story."""
        self.outcome = await self._story()

    async def _story(self) -> Outcome:
        temper = self.temper
        await self.recorder.phase(AttemptPhase.STARTING)
        if self._happens(temper.fail_early):
            await self._while(temper.start_s)
            return Outcome(AttemptPhase.FAILED, self.chance.choice(_INFRASTRUCTURE), "the sandbox does not come up")
        async with self._container() as container:
            if self._happens(temper.hang) and not self.recorder.began:
                await asyncio.sleep(10**7)
            await self._clone()
            await self.recorder.phase(AttemptPhase.RUNNING)
            await self.log.drained()
            talk = Conversation(
                self.means, self.assignment, self.inbox, self.recorder, self.freezer, container, self.log
            )
            await talk.take_up()
            await talk.turns()
            if self._happens(temper.fail_late):
                return Outcome(AttemptPhase.FAILED, FailureReason.MODEL_UNAVAILABLE, "the model does not answer")
            if self._happens(temper.stumble):
                return Outcome(AttemptPhase.FAILED, FailureReason.MODEL_REFUSED, STUMBLE)
            if self._happens(temper.crash):
                raise RuntimeError("a bug of the runner, as the schedule wants it")
            await self._deliver(container)
        return Outcome(AttemptPhase.SUCCEEDED, finish=finish_of(Finish(result="done", changes=None), Redactor([])))

    @asynccontextmanager
    async def _container(self) -> AsyncIterator[Container]:
        means = self.means
        lodging = Lodging(
            self.log.attempt_id,
            self.task_id,
            engine=means.engine,
            journal=means.journal,
            book=means.book,
            ids=means.ids,
            socket_root=means.socket_root,
            freezer=self.freezer,
            recorder=self.recorder,
            steps=self.steps,
            new_broker=lambda _: Broker(),  # type: ignore[arg-type, return-value]
            new_spec=self._spec,
            made_ahead=_nobody,
        )
        async with lodging.workspace(), AsyncExitStack() as stack:
            sandbox, _ = await lodging.open(stack)
            container: Container = sandbox.container  # type: ignore[attr-defined]
            yield container

    def _spec(self, sandbox_id: str, workspace_id: str, socket_dir: Path) -> SandboxSpec:
        return SandboxSpec(
            sandbox_id=sandbox_id,
            workspace_id=workspace_id,
            task_id=self.task_id,
            runner_id=self.means.host,
            image=f"{self.log.attempt_id}.{self.log.fence}",
            socket_dir=socket_dir,
        )

    async def _clone(self) -> None:
        if self._happens(self.temper.delays):
            await self.recorder.git_delayed("the git host does not answer", 5.0)
            await asyncio.sleep(5.0)
        async with self.steps.step(event_pb2.STEP_CLONE, within_s=3600.0) as say:
            say("cloning")
            await self._while(self.temper.start_s)

    async def _deliver(self, container: Container) -> None:
        """Push, then the pull request: each under a lease that was renewed lately."""
        if not self._happens(0.6):
            return
        ref = self.assignment.attempt
        for _ in range(50):
            await self.freezer.gate()
            try:
                refused_lent_id = "of another" if self._happens(0.3) else ""
                await self.means.dispatch.lend_credential(ref, refused_lent_id=refused_lent_id)
                # git runs in the sandbox, and what it sends passes the broker: both stand still where one is paused.
                if container.paused or not self.means.leases.fresh(self.log.attempt_id):
                    raise Unavailable("not renewed lately")
            except Unavailable:
                await asyncio.sleep(5.0)
                continue
            self.means.outside.push(container, host=self.means.host)
            break
        stat = task_pb2.DiffStat(files=1, insertions=2, deletions=3)
        commit = hashlib.sha256(self.log.attempt_id.encode()).hexdigest()
        await self.recorder.branch_pushed(self.assignment.task.branch, commit=commit, diff_stat=stat)
        with suppress(Denied, Conflict, Unavailable):
            await self.means.dispatch.open_pull_request(ref, OpenPullRequestRequest(title="t", body="b"))

    async def _while(self, mean_s: float) -> None:
        await asyncio.sleep(mean_s * self.chance.uniform(0.2, 1.8))

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self.chance.random() < chance


async def _nobody() -> None:
    """No container waits for a task."""
