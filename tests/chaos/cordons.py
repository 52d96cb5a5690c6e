"""Light runners that are cordoned, again and again, at the instant of a placement."""

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from errand.v1 import fleet_service_pb2 as pb
from errand.v1 import runner_pb2, task_pb2
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand_common import rpc
from errand_common.clock import Clock
from errand_common.tasks import until_one_ends
from tests.demo.forked import forked
from tests.integration.scheduler_process import scheduler_process
from tests.integration.scheduling import (
    Person,
    ScriptedRunner,
    Stack,
    github_with_repository,
    inputs_event,
    phase_event,
)

if TYPE_CHECKING:  # the stubs of the aio flavour are known to the type checker alone
    from errand.v1.fleet_service_pb2_grpc import FleetServiceAsyncStub

RUNNERS = 4
WITHIN_S = 60.0
BEAT_S = 2.0
WORK_S = 0.02
PLACED_S = 0.03
"""Within about that long of its creation a task is placed."""


@dataclass(frozen=True)
class Figures:
    """Of all rounds."""

    rounds: int
    listed: int
    """Answers that had attempts in them."""
    taken_back: int
    """Offers that a cordon found on their way."""


@dataclass(frozen=True)
class Closed:
    """From the answer to a cordon until it was asked to end, in microseconds; what the answer listed."""

    runner_id: str
    from_us: int
    to_us: int
    listed: frozenset[str]


@dataclass
class _Cordons:
    """One runner's operator, and somebody who sends a task each time."""

    stub: "FleetServiceAsyncStub"
    metadata: tuple[tuple[str, str], ...]
    name: str
    person: Person
    project_id: str
    data: Path
    chance: random.Random
    closed: list[Closed] = field(default_factory=list)

    async def cordon(self, rounds: int) -> None:
        for _ in range(rounds):
            creating = asyncio.ensure_future(self.person.create(self.project_id))
            await asyncio.sleep(self.chance.uniform(0.0, PLACED_S))
            shown = await self.set_mode(runner_pb2.RUNNER_MODE_CORDONED)
            answered_us = Clock().now_us()
            listed = frozenset(each.attempt_id for each in shown.attempts)
            live = set(_column(self.data, _LIVE, shown.runner_id))
            assert live <= listed, f"{live - listed} are there after an answer that does not list them"
            await creating
            self.closed.append(Closed(shown.runner_id, answered_us, Clock().now_us(), listed))
            await self.set_mode(runner_pb2.RUNNER_MODE_ACTIVE)

    async def set_mode(self, mode: "runner_pb2.RunnerMode.ValueType") -> runner_pb2.Runner:
        request = pb.SetRunnerModeRequest(runner=self.name, mode=mode)
        return (await self.stub.SetRunnerMode(request, metadata=self.metadata, timeout=WITHIN_S)).runner


async def cordon_often(folder: Path, *, rounds: int, chance: random.Random) -> Figures:
    """Raises AssertionError where an offer exists after the answer to a cordon that does not list it, or where a task
    does not end well, or is done twice."""
    names, data = [f"r{number}" for number in range(RUNNERS)], folder / "data"
    settings = {"ERRAND_RUNNERS": ",".join(names), "ERRAND_CALLS_PER_SECOND": "10000"}
    # They pile up: four runners are out of service most of the time.
    settings |= {"ERRAND_MAX_RUNNING_PER_USER": "1000", "ERRAND_MAX_PENDING_PER_USER": "10000"}
    async with (
        github_with_repository(folder / "github") as github,
        scheduler_process(data, github, begin=forked, **settings) as process,
    ):
        stack = process.stack
        person = await stack.sign_in()
        project_id = (await person.add_project()).project_id
        stub, metadata = FleetServiceStub(stack.channel), rpc.bearer(stack.operator_token)
        cordons = [
            _Cordons(stub, metadata, name, person, project_id, data, random.Random(chance.random())) for name in names
        ]
        working = asyncio.gather(*(_work(stack, name) for name in names))
        try:
            await asyncio.gather(*(each.cordon(rounds // RUNNERS) for each in cordons))
            async with asyncio.timeout(WITHIN_S):
                while set(_column(data, "SELECT status FROM tasks")) != {"completed"}:
                    if working.done():
                        working.result()
                    await asyncio.sleep(0.1)
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
    closed = [each for cordon in cordons for each in cordon.closed]
    _check(data, closed)
    return Figures(
        rounds=len(closed),
        listed=sum(bool(each.listed) for each in closed),
        taken_back=len(_column(data, "SELECT attempt_id FROM attempts WHERE phase = 'withdrawn'")),
    )


async def _work(stack: Stack, name: str) -> None:
    """One runner, which takes what it is offered, and ends it well."""
    async with stack.runner_of(name, slots=4) as runner:
        await until_one_ends(_beat(runner), _take(runner))


async def _beat(runner: ScriptedRunner) -> None:
    while True:
        await runner.beat()
        await asyncio.sleep(BEAT_S)


async def _take(runner: ScriptedRunner) -> None:
    while True:
        assignment = await runner.next_assignment()
        if assignment.phase != task_pb2.ATTEMPT_PHASE_OFFERED:
            continue
        # It may have been taken back meanwhile.
        if not (await runner.accept(assignment.attempt)).error_reason:
            await runner.send(assignment.attempt, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING), inputs_event(assignment))
            await asyncio.sleep(WORK_S)
            await runner.finish(assignment.attempt)


_LIVE = "SELECT attempt_id FROM attempts WHERE runner_id = ? AND completed_time IS NULL"
_MADE = "SELECT attempt_id FROM attempts WHERE runner_id = ? AND created_time > ? AND created_time < ?"


def _check(data: Path, closed: Sequence[Closed]) -> None:
    for each in closed:
        late = set(_column(data, _MADE, each.runner_id, each.from_us, each.to_us)) - each.listed
        assert not late, f"{late} were offered to a runner while it was cordoned"
    done = sorted(_column(data, "SELECT task_id FROM attempts WHERE phase = 'succeeded'"))
    assert done == sorted(_column(data, "SELECT task_id FROM tasks")), "I1 I2: not each task once"
    phases = set(_column(data, "SELECT phase FROM attempts"))
    assert phases <= {"succeeded", "withdrawn"}, phases


def _column(data: Path, query: str, *values: object) -> list[str]:
    with closing(sqlite3.connect(f"file:{data / 'errand.db'}?mode=ro", uri=True)) as connection:
        return [str(row[0]) for row in connection.execute(query, values)]
