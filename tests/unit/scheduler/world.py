"""A store with a person, a project and a runner in it, and a clock that stands still until it is moved."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from errand.v1 import event_pb2
from errand_common.clock import Clock
from errand_common.errors import ErrandError
from errand_common.ids import Ids
from errand_common.values import AttemptPhase, FailureReason, InputKind, Role, WaitReason
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle import asks, deadlines, records, retries, turns, waits
from errand_scheduler.lifecycle.effects import Effect, MessageAdded, PhaseReported
from errand_scheduler.lifecycle.records import RunnerEvent
from errand_scheduler.lifecycle.turns import AttemptEnd, Holder
from errand_scheduler.lifecycle.waits import Wait
from errand_scheduler.store import attempts, events, inputs, meta, projects, runners, tasks, users
from errand_scheduler.store.allowance import Allowance
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.database import prepare
from errand_scheduler.store.messages import Message
from errand_scheduler.store.meta import Meta
from errand_scheduler.store.notices import Notice
from errand_scheduler.store.projects import Project
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.reader_pool import open_reader
from errand_scheduler.store.runners import Runner
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.users import SealedPair, User
from errand_scheduler.store.writer_thread import WriterThread, open_writer

DURATIONS = Durations(beat_s=5.0)
USER, OTHER_USER = "usr_1", "usr_2"
PROJECT = "prj_1"
RUNNER, OTHER_RUNNER, THIRD_RUNNER = "rnr_1", "rnr_2", "rnr_3"
QUESTION = Wait(reason=WaitReason.QUESTION, summary="which one?", resume_in_s=None)
ALLOWANCE = Wait(reason=WaitReason.ALLOWANCE, summary="the allowance is spent", resume_in_s=None)
QUOTA = Wait(reason=WaitReason.QUOTA, summary="the quota is spent", resume_in_s=600.0)


class StillClock(Clock):
    """Moves when told; `offset_s` is by how much the wall clock was set."""

    def __init__(self) -> None:
        self.seconds = 100_000_000.0
        self.offset_s = 0.0

    def now_us(self) -> int:
        return int((self.seconds + self.offset_s) * 1e6)

    def boot_s(self) -> float:
        return self.seconds

    def move(self, seconds: float) -> None:
        self.seconds += seconds


def created(tx: Tx, ids: Ids, *, durations: Durations, most_pending: int) -> Task:
    """A task that any runner may have."""
    return asks.create_task(
        tx,
        user_id=USER,
        project_id=PROJECT,
        prompt="do it",
        task_id=ids.new("tsk"),
        input_id=ids.new("inp"),
        durations=durations,
        most_pending=most_pending,
        required_labels={},
    )


@dataclass
class World:
    """The store's two ends, and what was announced."""

    clock: StillClock
    ids: Ids
    writer: WriterThread
    reader: Reader
    notices: list[Notice] = field(default_factory=list)

    async def new_task(
        self,
        *,
        user_id: str = USER,
        prompt: str = "do it",
        most_pending: int = 100,
        allowance: Allowance | None = None,
    ) -> Task:
        task_id, input_id = self.ids.new("tsk"), self.ids.new("inp")
        return await self.writer.write(
            lambda tx: asks.create_task(
                tx,
                user_id=user_id,
                project_id=PROJECT,
                prompt=prompt,
                task_id=task_id,
                input_id=input_id,
                durations=DURATIONS,
                most_pending=most_pending,
                required_labels={"region": "eu"},
                allowance=allowance,
            )
        )

    async def offered(self, task_id: str, *, runner_id: str = RUNNER) -> Holder:
        attempt_id = self.ids.new("att")
        attempt = await self.writer.write(
            lambda tx: turns.offer(tx, task_id=task_id, runner_id=runner_id, attempt_id=attempt_id, durations=DURATIONS)
        )
        assert attempt is not None
        return Holder(runner_id=runner_id, attempt_id=attempt_id, fence=attempt.fence)

    async def accepted(self, task_id: str, *, runner_id: str = RUNNER) -> Holder:
        holder = await self.offered(task_id, runner_id=runner_id)
        await self.writer.write(lambda tx: turns.accept(tx, holder, DURATIONS))
        return holder

    async def running(self, task_id: str, *, runner_id: str = RUNNER) -> Holder:
        """Its runner says that the model works; that is the attempt's first event."""
        holder = await self.accepted(task_id, runner_id=runner_id)
        await self.told(holder, event(1, PhaseReported(AttemptPhase.RUNNING)))
        return holder

    async def told(self, holder: Holder, *batch: RunnerEvent) -> int:
        return await self.writer.write(lambda tx: records.store_events(tx, holder, batch, DURATIONS))

    async def hot(self, task_id: str, wait: Wait = QUESTION, *, runner_id: str = RUNNER) -> Holder:
        """Its attempt waits, and keeps its sandbox."""
        holder = await self.running(task_id, runner_id=runner_id)
        await self.waits(holder, wait)
        return holder

    async def hot_and_read(self, task_id: str, wait: Wait = QUESTION) -> Holder:
        """The same, what people wrote having been read before."""
        holder = await self.running(task_id)
        await self.take_up(holder, task_id)
        await self.waits(holder, wait)
        return holder

    async def waits(self, holder: Holder, wait: Wait) -> None:
        attempt = await self.attempt(holder.attempt_id)
        await self.writer.write(lambda tx: waits.begin_wait(tx, attempt, wait, DURATIONS))

    async def parked(self, task_id: str, wait: Wait = QUESTION) -> Holder:
        """It waits without an attempt; what people wrote was read."""
        holder = await self.hot_and_read(task_id, wait)
        await self.finished(holder, AttemptPhase.PARKED)
        return holder

    async def take_up(self, holder: Holder, task_id: str) -> None:
        """The message that carries every input there is."""
        await self.carried(holder, [each.input_id for each in await self.reader.all(inputs.untaken(task_id))])

    async def carried(self, holder: Holder, input_ids: Sequence[str]) -> None:
        """The message that carries these inputs."""
        sequence = (await self.attempt(holder.attempt_id)).acked_sequence + 1
        message = Message(message_id=self.ids.new("msg"), role=Role.USER, content=b"[]")
        await self.told(holder, event(sequence, MessageAdded(message, tuple(input_ids))))

    async def finished(
        self,
        holder: Holder,
        phase: AttemptPhase = AttemptPhase.SUCCEEDED,
        failure: FailureReason | None = None,
        reason: str = "",
    ) -> None:
        end = AttemptEnd(phase=phase, failure=failure, reason=reason, last_sequence=0)
        await self.writer.write(lambda tx: turns.finish(tx, holder, end, DURATIONS))

    async def stopped(self, task_id: str, *, runner_present: bool = True) -> Task:
        return await self.writer.write(
            lambda tx: asks.stop_task(
                tx, user_id=USER, task_id=task_id, runner_present=runner_present, durations=DURATIONS
            )
        )

    async def input(
        self, task_id: str, text: str = "more", kind: InputKind = InputKind.QUEUE, *, most_pending: int = 100
    ) -> Task:
        input_id = self.ids.new("inp")
        _, task = await self.writer.write(
            lambda tx: asks.add_input(
                tx,
                user_id=USER,
                task_id=task_id,
                text=text,
                kind=kind,
                input_id=input_id,
                durations=DURATIONS,
                most_pending=most_pending,
            )
        )
        return task

    async def retried(self, task_id: str, *, most_pending: int = 100) -> Task:
        return await self.writer.write(
            lambda tx: retries.retry_task(
                tx, user_id=USER, task_id=task_id, durations=DURATIONS, most_pending=most_pending
            )
        )

    async def lost(self, holder: Holder) -> None:
        await self.writer.write(lambda tx: deadlines.lose(tx, holder.attempt_id, DURATIONS))

    async def task(self, task_id: str) -> Task:
        task = await self.reader.one(tasks.by_id(task_id))
        assert task is not None
        return task

    async def attempt(self, attempt_id: str) -> Attempt:
        attempt = await self.reader.one(attempts.by_id(attempt_id))
        assert attempt is not None
        return attempt


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    clock = StillClock()
    path = folder / "errand.db"
    prepare(path)
    heard: list[Notice] = []

    def on_commit(notices: Sequence[Notice]) -> None:
        heard.extend(notices)

    async with open_writer(path, clock, on_commit) as writer, open_reader(path) as reader:
        await writer.write(seed)
        yield World(clock=clock, ids=Ids(clock), writer=writer, reader=reader, notices=heard)


def seed(tx: Tx) -> None:
    """What every store begins with."""
    meta.insert(tx, Meta(epoch="e0", generation=0))
    for number, user_id in enumerate((USER, OTHER_USER)):
        user = User(user_id=user_id, github_id=number, github_username=user_id, created_time=tx.now_us)
        users.upsert(tx, user, SealedPair(token="sealed"))
    projects.insert(
        tx,
        Project(
            project_id=PROJECT,
            user_id=USER,
            repo_url="https://github.test/o/r.git",
            repository="o/r",
            default_branch="main",
            created_time=tx.now_us,
        ),
    )
    for runner_id in (RUNNER, OTHER_RUNNER, THIRD_RUNNER):
        runners.insert(tx, Runner(runner_id=runner_id, name=runner_id))


async def kinds_told(world: World, task_id: str) -> list[str]:
    """Which facts are told of a task, oldest first."""
    found = await world.reader.all(events.of_task(task_id, after=0, limit=500))
    return [event_pb2.EventBody.FromString(each.body).WhichOneof("kind") or "" for each in found]


def event(sequence: int, effect: Effect = None, *, body: bytes = b"", kind: str = "step_finished") -> RunnerEvent:
    return RunnerEvent(sequence=sequence, kind=kind, body=body, effect=effect)


def reason_of(error: BaseException) -> str:
    assert isinstance(error, ErrandError)
    return error.reason
