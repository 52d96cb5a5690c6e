"""A store with a person, a project and a runner in it, and a clock that stands still until it is moved."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from errand_common.clock import Clock
from errand_common.errors import ErrandError
from errand_common.ids import Ids
from errand_common.values import AttemptPhase, InputKind
from errand_scheduler.durations import Durations
from errand_scheduler.facts import Fact
from errand_scheduler.lifecycle import asks, turns
from errand_scheduler.lifecycle.records import Effect, RunnerEvent
from errand_scheduler.lifecycle.turns import AttemptEnd, Holder
from errand_scheduler.store import attempts, meta, projects, runners, tasks, users
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.database import prepare
from errand_scheduler.store.meta import Meta
from errand_scheduler.store.notices import Notice
from errand_scheduler.store.projects import Project
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.reader_pool import open_reader
from errand_scheduler.store.runners import Runner
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.users import User
from errand_scheduler.store.writer_thread import WriterThread, open_writer

DURATIONS = Durations(beat_s=5.0)
USER, OTHER_USER = "usr_1", "usr_2"
PROJECT = "prj_1"
RUNNER, OTHER_RUNNER = "rnr_1", "rnr_2"


class StillClock(Clock):
    """Moves when told."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def now_us(self) -> int:
        return int(self.seconds * 1e6)

    def boot_s(self) -> float:
        return self.seconds

    def move(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class World:
    """The store's two ends, and what was announced."""

    clock: StillClock
    ids: Ids
    writer: WriterThread
    reader: Reader
    notices: list[Notice] = field(default_factory=list)

    async def new_task(self, *, user_id: str = USER, prompt: str = "do it") -> Task:
        task_id, input_id = self.ids.new("tsk"), self.ids.new("inp")
        return await self.writer.write(
            lambda tx: asks.create_task(
                tx, user_id=user_id, project_id=PROJECT, prompt=prompt, task_id=task_id, input_id=input_id
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

    async def finished(self, holder: Holder, phase: AttemptPhase = AttemptPhase.SUCCEEDED) -> None:
        end = AttemptEnd(phase=phase, failure=None, reason="", last_sequence=0)
        await self.writer.write(lambda tx: turns.finish(tx, holder, end))

    async def stopped(self, task_id: str, *, runner_present: bool = True) -> Task:
        return await self.writer.write(
            lambda tx: asks.stop_task(
                tx, user_id=USER, task_id=task_id, runner_present=runner_present, durations=DURATIONS
            )
        )

    async def input(self, task_id: str, text: str = "more", kind: InputKind = InputKind.QUEUE) -> Task:
        input_id = self.ids.new("inp")
        _, task = await self.writer.write(
            lambda tx: asks.add_input(tx, user_id=USER, task_id=task_id, text=text, kind=kind, input_id=input_id)
        )
        return task

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
        await writer.write(_seed)
        yield World(clock=clock, ids=Ids(clock), writer=writer, reader=reader, notices=heard)


def _seed(tx: Tx) -> None:
    meta.insert(tx, Meta(epoch="e0", generation=0))
    for number, user_id in enumerate((USER, OTHER_USER)):
        user = User(user_id=user_id, github_id=number, github_username=user_id, created_time=tx.now_us)
        users.upsert(tx, user, sealed_github_token="sealed")
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
    for runner_id in (RUNNER, OTHER_RUNNER):
        runners.insert(tx, Runner(runner_id=runner_id, name=runner_id))


def event(sequence: int, effect: Effect = None) -> RunnerEvent:
    return RunnerEvent(sequence=sequence, fact=Fact(kind="step_finished", body=b""), effect=effect)


def reason_of(error: BaseException) -> str:
    assert isinstance(error, ErrandError)
    return error.reason
