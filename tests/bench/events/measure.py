"""Durable events: how fast a backlog reaches a watcher, and how soon 200 watchers see what is told at a steady rate."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from tests.bench.events.ceilings import bare_commits, bare_stream
from tests.bench.person import NO_LIMIT, Person, open_bare_stack, signed_in, start_runner
from tests.bench.rows import Table
from tests.cpu import cpu_s
from tests.demo.stack import Stack

BACKLOG_TASKS, BACKLOG = 64, 150
"""64 attempts of 150 events each, which are on the runner's disk when the scheduler is there again."""
STEADY_TASKS, STEADY_WATCHERS, STEADY_RATE, STEADY_S = 50, 4, 100.0, 6.0
"""50 tasks of 100 events a second, each seen by four watchers: 5,000 events a second, 200 watchers, for six seconds."""
_MOST_S = 300.0
_LOWER = "the lower of the two"


@dataclass
class Measured:
    """A scheduler and a source of events as processes, and a person who watches by a third."""

    stack: Stack
    person: Person
    source: asyncio.StreamReader

    @property
    def scheduler(self) -> int:
        """Its process id."""
        return self.stack.processes.running["scheduler"].pid

    @contextmanager
    def going(self) -> Iterator[None]:
        """The attempts that are ready begin to tell."""
        go = self.stack.folder / "runner" / "go"
        go.touch()
        try:
            yield
        finally:
            go.unlink()

    async def told(self, word: str, count: int) -> None:
        """Wait until the source has said a word so often."""
        async with asyncio.timeout(_MOST_S):
            while count:
                count -= (await self.source.readline()).strip() == word.encode()


async def measure_events(table: Table, rounds: int) -> None:
    """Each round: the two ceilings, the backlog, the steady rate."""
    async with _running() as measured:
        for _ in range(rounds):
            count = BACKLOG_TASKS * BACKLOG
            commits, stream = bare_commits(measured.stack.folder, count), await bare_stream(count)
            table.add("bare group commit", commits, unit="events/s")
            table.add("bare batched stream", stream, unit="events/s")
            table.add(_LOWER, min(commits, stream), unit="events/s")
            await _backlog(table, measured)
            await _steady(table, measured)


async def _backlog(table: Table, measured: Measured) -> None:
    """The scheduler stands still while the events are told, then takes them all."""
    made = await asyncio.gather(*(measured.person.create(f"{BACKLOG} 0") for _ in range(BACKLOG_TASKS)))
    async with _watching(measured, made, watchers=1, events=BACKLOG) as seen:
        await measured.told("running", BACKLOG_TASKS)
        os.kill(measured.scheduler, signal.SIGSTOP)
        try:
            with measured.going():
                await measured.told("told", BACKLOG_TASKS)
        finally:
            os.kill(measured.scheduler, signal.SIGCONT)
        started_s, before_s = time.monotonic(), cpu_s(measured.scheduler)
        last_s = (await seen)["last_s"]
        spent_s = cpu_s(measured.scheduler) - before_s
    count = BACKLOG_TASKS * BACKLOG
    table.add(
        "durable events, runner -> SQLite -> watcher",
        count / (last_s - started_s),
        unit="events/s",
        peer=_LOWER,
        goal="0.25 or more",
    )
    table.add("scheduler's CPU for a durable event", 1e6 * spent_s / count, unit="us")


async def _steady(table: Table, measured: Measured) -> None:
    """Everybody watches before the first event is told. The rate is part of what is found: a loop that waits for the
    disk tells less, and what was never told is not late."""
    events = int(STEADY_RATE * STEADY_S)
    made = await asyncio.gather(*(measured.person.create(f"{events} {STEADY_RATE}") for _ in range(STEADY_TASKS)))
    async with _watching(measured, made, watchers=STEADY_WATCHERS, events=events) as seen:
        await measured.told("running", STEADY_TASKS)
        started_s = time.monotonic()
        with measured.going():
            await measured.told("told", STEADY_TASKS)
        rate = STEADY_TASKS * events / (time.monotonic() - started_s)
        found = await seen
    table.add("told by 50 loops of 100/s, each after its last sync", rate, unit="events/s", goal="5,000")
    table.add("told -> seen, 200 watchers, 5,000 events/s: p50", found["p50_ms"], unit="ms")
    table.add("told -> seen, 200 watchers, 5,000 events/s: p99", found["p99_ms"], unit="ms", goal="250 ms or less")


@asynccontextmanager
async def _running() -> AsyncIterator[Measured]:
    async with open_bare_stack() as stack:
        await stack.start_scheduler(**NO_LIMIT)
        source = await start_runner(stack, "tests.bench.events.source", slots=BACKLOG_TASKS, env={})
        async with signed_in(stack) as person:
            yield Measured(stack, person, source)


@asynccontextmanager
async def _watching(
    measured: Measured, tasks: Sequence[str], *, watchers: int, events: int
) -> AsyncIterator["asyncio.Task[dict[str, float]]"]:
    """Watchers in a process of their own; the task's result is what they measured."""
    token = measured.person.metadata[0][1].removeprefix("Bearer ")
    ca = (measured.stack.folder / "scheduler" / "credentials" / "operator" / "ca.pem").read_text()
    asked = {
        "address": measured.stack.scheduler_address,
        "ca": ca,
        "token": token,
        "tasks": list(tasks),
        "watchers": watchers,
        "events": events,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.events.watchers"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        async with asyncio.timeout(_MOST_S), asyncio.TaskGroup() as group:
            assert json.loads(await process.stdout.readline()) == "watching"
            seen = group.create_task(_result(process.stdout, len(tasks) * watchers * events))
            yield seen
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _result(printed: asyncio.StreamReader, expected: int) -> dict[str, float]:
    found: dict[str, float] = json.loads(await printed.readline())
    assert found["seen"] == expected, "no event is lost, and none is seen twice"
    return found
