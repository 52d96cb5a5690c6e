"""Listing, resuming and placing with a million finished tasks, beside the same with an empty database."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from statistics import median

from errand.v1 import task_service_pb2 as pb
from tests.bench.dispatch.errand_queue import SLOTS, ErrandQueue
from tests.bench.history.fill import fill
from tests.bench.person import NO_LIMIT, Person, open_bare_stack, signed_in, start_runner
from tests.bench.rows import Table

CALLS = 20
"""Calls per sample; their median counts."""


@dataclass(frozen=True)
class History:
    """A scheduler with, or without, a history."""

    name: str
    person: Person
    queue: ErrandQueue

    async def listing_ms(self) -> float:
        """The first page of tasks."""
        return await _median_ms(
            lambda: self.person.stub.ListTasks(pb.ListTasksRequest(), metadata=self.person.metadata)
        )

    async def resuming_ms(self) -> float:
        """From opening a watch of everything, at the newest event, to being caught up."""
        head = (await self._caught_up("1.0")).cursor
        return await _median_ms(lambda: self._caught_up(head))

    async def placing_ms(self) -> float:
        """From submitting a task to its attempt's beginning."""
        return median(await self.queue.latency(CALLS))

    async def _caught_up(self, cursor: str) -> pb.CaughtUp:
        call = self.person.stub.WatchEvents(pb.WatchEventsRequest(after_cursor=cursor), metadata=self.person.metadata)
        async for response in call:
            if response.HasField("caught_up"):
                call.cancel()
                return response.caught_up
        raise AssertionError("a watch catches up")


async def measure_history(table: Table, rounds: int) -> None:
    """Each round: every question to the empty one, then to the full one."""
    async with AsyncExitStack() as stack:
        empty = await stack.enter_async_context(_open("none", full=False))
        full = await stack.enter_async_context(_open("1,000,000 finished tasks", full=True))
        for _ in range(rounds):
            for what, ask in (
                ("list", History.listing_ms),
                ("resume", History.resuming_ms),
                ("place", History.placing_ms),
            ):
                table.add(f"{what}, with {empty.name}", await ask(empty), unit="ms")
                table.add(
                    f"{what}, with {full.name}",
                    await ask(full),
                    unit="ms",
                    peer=f"{what}, with {empty.name}",
                    goal="1.5 or less",
                )


async def _median_ms(ask: Callable[[], Awaitable[object]]) -> float:
    found = []
    for _ in range(CALLS):
        started_s = time.monotonic()
        await ask()
        found.append(1000 * (time.monotonic() - started_s))
    return median(found)


@asynccontextmanager
async def _open(name: str, *, full: bool) -> AsyncIterator[History]:
    async with open_bare_stack() as stack:
        await stack.start_scheduler(**NO_LIMIT)
        if full:
            async with signed_in(stack):
                pass
            await stack.processes.stop("scheduler")
            await asyncio.to_thread(fill, stack.database)
            await stack.start_scheduler(**NO_LIMIT)
        printed = await start_runner(stack, "tests.bench.dispatch.noop_runner", slots=SLOTS, env={})
        async with signed_in(stack) as person:
            queue = ErrandQueue(person, printed)
            # A page of tasks of its own, so that both list the same.
            await queue.throughput(50)
            yield History(name, person, queue)
