"""Many light runners, which all come back at once when their scheduler was killed: over TLS, a connection for each."""

import asyncio
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1 import runner_pb2, task_pb2
from errand.v1.dispatch_service_pb2_grpc import DispatchServiceStub
from errand_common import rpc
from errand_common.clock import Clock
from errand_common.credentials import read_secret
from errand_common.errors import ErrandError
from errand_common.tasks import until_one_ends
from errand_runner.backoff import Backoff
from tests.demo.forked import forked
from tests.integration.runner_double import ScriptedRunner
from tests.integration.scheduler_process import SchedulerProcess, scheduler_process
from tests.integration.scheduling import Person, github_with_repository

WITHIN_S = 60.0
BEAT_S = 5.0
LOOK_S = 0.1
OFFERED = task_pb2.ATTEMPT_PHASE_OFFERED
BUSY = 0.9
"""Of a core: from this on a process counts as having no time left."""


@dataclass(frozen=True)
class Figures:
    """Of one return. Seconds count from the moment in which the scheduler served again."""

    runners: int
    start_s: float
    """From the kill until it served again."""
    last_s: float
    """Until the last of them had a session, and knew what was wanted of it."""
    busy_s: float
    """The longest time in a row for which the scheduler had no core to spare."""
    cpu_s: float
    memory_mib: float
    connections: int

    def __str__(self) -> str:
        return (
            f"{self.runners} runners over {self.connections} connections: the last after {self.last_s:.1f} s, scheduler"
            f" at a whole core for {self.busy_s:.1f} s, {self.cpu_s:.1f} s of CPU, {self.memory_mib:.0f} MiB"
        )


@dataclass
class LightRunner:
    """One runner, with a connection of its own and nothing behind it: what it is offered it takes and holds, or leaves
    until it is to take it."""

    name: str
    address: str
    credential: Path
    takes: bool
    offered: list[runner_pb2.AttemptRef] = field(default_factory=list)
    asked: dict[str, runner_pb2.AttemptRef] = field(default_factory=dict)
    """Accepted, as far as it knows: what it is not answered it asks again, as a runner does."""
    held: dict[str, runner_pb2.AttemptRef] = field(default_factory=dict)
    verdicts: list[int] = field(default_factory=list)
    sessions: int = 0
    _told: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """For ever, as a runner keeps its line."""
        backoff = Backoff(random.Random(self.name))
        token, ca = read_secret(self.credential / "token"), (self.credential / "ca.pem").read_bytes()
        async with rpc.channel(self.address, ca=ca) as channel:
            stub = DispatchServiceStub(channel)
            runner = ScriptedRunner(stub, token, nonce=self.name, slots=2, labels={"model-key": "yes"})
            while True:
                try:
                    with rpc.renamed_errors():
                        await self._session(runner, backoff)
                except ErrandError:
                    await asyncio.sleep(backoff.next_s())

    def take(self) -> None:
        """From now on."""
        self.takes = True
        self._told.set()

    async def _session(self, runner: ScriptedRunner, backoff: Backoff) -> None:
        self.offered.clear()
        answer = await runner.open([runner_pb2.HeldAttempt(attempt=ref) for ref in self.held.values()])
        self.verdicts += [each.verdict for each in answer.verdicts]
        backoff.reset()
        self.offered += self.asked.values()
        self._told.set()
        await until_one_ends(self._watch(runner), self._accept(runner), self._beat(runner))

    async def _watch(self, runner: ScriptedRunner) -> None:
        request = pb.WatchAssignmentsRequest(session_id=runner.session_id)
        async for change in runner.stub.WatchAssignments(request, metadata=runner.metadata):
            self.sessions += change.snapshot
            self.offered += [each.attempt for each in change.assignments if each.phase == OFFERED]
            self._told.set()

    async def _accept(self, runner: ScriptedRunner) -> None:
        while True:
            await self._told.wait()
            self._told.clear()
            while self.takes and self.offered:
                ref = self.offered.pop()
                self.asked[ref.attempt_id] = ref
                answer = await runner.accept(ref)
                del self.asked[ref.attempt_id]
                if not answer.error_reason:
                    self.held[ref.attempt_id] = ref

    async def _beat(self, runner: ScriptedRunner) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            await runner.beat(*self.held.values())


async def come_back(folder: Path, *, count: int, tasks: int) -> Figures:
    """So many runners with so many tasks in all, half of them taken, when the scheduler is killed; then as many again.

    Raises AssertionError where anything is lost, done twice, or offered to a runner that has not said what it has.
    """
    names = [f"r{number}" for number in range(count)]
    settings = {"ERRAND_RUNNERS": ",".join(names), "ERRAND_MAX_RUNNING_PER_USER": str(4 * tasks)}
    data = folder / "data"
    async with (
        github_with_repository(folder / "github") as github,
        scheduler_process(data, github, begin=forked, **settings) as first,
    ):
        credentials, address = data / "credentials" / "runners", first.stack.address
        person = await first.stack.sign_in()
        project = await person.add_project()
        # Every other one leaves its offers, which are there then at the kill.
        fleet = [LightRunner(each, address, credentials / each, takes=n % 2 == 0) for n, each in enumerate(names)]
        running = asyncio.gather(*(runner.run() for runner in fleet))
        try:
            await _until(running, lambda: all(runner.sessions for runner in fleet))
            await _create(person, project.project_id, tasks)
            await _until(running, lambda: _live(data) == tasks)
            killed_s, killed_us = time.monotonic(), Clock().now_us()
            before = [runner.sessions for runner in fleet]
            first.child.kill()
            await first.child.wait()
            async with scheduler_process(data, github, begin=forked, **settings) as second:
                start_s = time.monotonic() - killed_s
                # They wait when the runners come, and are offered at once.
                creating = asyncio.ensure_future(_create(second.stack.again(person), project.project_id, tasks))
                figures = await _return(second, running, fleet, before, start_s=start_s)
                for runner in fleet:
                    runner.take()
                await creating
                # I1, and what runners have is what the scheduler knows of it.
                await _until(running, lambda: _live(data) == 2 * tasks and _accepted(data) == _held(fleet))
                _check(data, fleet, killed_us=killed_us)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    return figures


async def _return(
    process: SchedulerProcess,
    running: "asyncio.Future[list[None]]",
    fleet: Sequence[LightRunner],
    before: Sequence[int],
    *,
    start_s: float,
) -> Figures:
    began_s, began_cpu_s = time.monotonic(), process.cpu_s()
    async with _watched(process) as load:
        await _until(running, lambda: all(each.sessions > old for each, old in zip(fleet, before, strict=True)))
        last_s, cpu_s = time.monotonic() - began_s, process.cpu_s() - began_cpu_s
    return Figures(
        runners=len(fleet),
        start_s=start_s,
        last_s=last_s,
        busy_s=_longest(load),
        cpu_s=cpu_s,
        memory_mib=process.memory_bytes() / 2**20,
        connections=process.connections(),
    )


@asynccontextmanager
async def _watched(process: SchedulerProcess) -> AsyncIterator[list[tuple[float, float]]]:
    """Grows by seconds passed and seconds computed at each look."""
    load: list[tuple[float, float]] = []

    async def look() -> None:
        at_s, cpu_s = time.monotonic(), process.cpu_s()
        while True:
            await asyncio.sleep(LOOK_S)
            now_s, now_cpu_s = time.monotonic(), process.cpu_s()
            load.append((now_s - at_s, now_cpu_s - cpu_s))
            at_s, cpu_s = now_s, now_cpu_s

    looking = asyncio.ensure_future(look())
    try:
        yield load
    finally:
        looking.cancel()


def _longest(load: Sequence[tuple[float, float]]) -> float:
    longest = current = 0.0
    for passed_s, cpu_s in load:
        current = current + passed_s if cpu_s >= BUSY * passed_s else 0.0
        longest = max(longest, current)
    return longest


async def _create(person: Person, project_id: str, count: int) -> None:
    await asyncio.gather(*(person.create(project_id) for _ in range(count)))


async def _until(running: "asyncio.Future[list[None]]", holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():
            if running.done():
                running.result()
            await asyncio.sleep(0.02)


def _live(data: Path) -> int:
    """Tasks that are offered to a runner, or with one."""
    (row,) = _rows(data, "SELECT COUNT(DISTINCT task_id) FROM attempts WHERE phase IN ('offered', 'accepted')")
    return int(row[0])


def _check(data: Path, fleet: Sequence[LightRunner], *, killed_us: int) -> None:
    twice = _rows(
        data,
        "SELECT task_id FROM attempts WHERE phase IN ('offered', 'accepted') GROUP BY task_id HAVING COUNT(*) > 1",
    )
    assert twice == [], "I2: tasks with two live attempts"
    early = _rows(
        data,
        "SELECT attempt_id FROM attempts JOIN runners USING (runner_id)"
        f" WHERE attempts.created_time > {killed_us} AND session_time > attempts.created_time",
    )
    assert early == [], "offered to runners that had not said what they have"
    assert all(each == runner_pb2.VERDICT_KEEP for runner in fleet for each in runner.verdicts), "I1: work was lost"


def _held(fleet: Sequence[LightRunner]) -> set[str]:
    return {attempt_id for runner in fleet for attempt_id in runner.held}


def _accepted(data: Path) -> set[str]:
    return {str(row[0]) for row in _rows(data, "SELECT attempt_id FROM attempts WHERE phase = 'accepted'")}


def _rows(data: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{data / 'errand.db'}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()
