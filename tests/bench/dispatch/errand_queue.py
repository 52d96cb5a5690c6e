"""Errand as a queue of no-op tasks: a real scheduler, and a runner that does nothing, each a process."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from errand.v1 import task_pb2, task_service_pb2
from tests.bench.person import NO_LIMIT, Person, signed_in, start_runner
from tests.demo.stack import Stack

SLOTS = 256
"""So many that the queue is measured, not how long 64 tasks take to pass through it side by side."""
CALLERS = 32
"""How many calls a submitter has under way."""
_PAUSE_S = 0.02
_MOST_S = 300.0


class ErrandQueue:
    """Submits tasks as one person and sees them through."""

    def __init__(self, person: Person, runner: asyncio.StreamReader) -> None:
        self._person, self._runner = person, runner
        self._cursor = ""

    async def throughput(self, count: int) -> float:
        """Tasks per second from the first submission to the last completion, submitted as fast as they are taken."""
        async with asyncio.timeout(_MOST_S), asyncio.TaskGroup() as group:
            watching = asyncio.Event()
            done = group.create_task(self._all_completed(count, watching))
            begun = group.create_task(self._begun(count))
            await watching.wait()
            started_s, numbers = time.monotonic(), itertools.count()
            for _ in range(CALLERS):
                group.create_task(self._submit_while(numbers, count))
            await done
            elapsed_s = time.monotonic() - started_s
            await begun
        return count / elapsed_s

    async def latency(self, count: int) -> list[float]:
        """Milliseconds from submitting to the accepted attempt's beginning, one after the other on an idle queue."""
        found = []
        for _ in range(count):
            submitted_s = time.monotonic()
            await self._submit()
            async with asyncio.timeout(_MOST_S):
                (began_s,) = await self._begun(1)
            found.append(1000 * (began_s - submitted_s))
            await asyncio.sleep(_PAUSE_S)
        return found

    async def _submit_while(self, numbers: "itertools.count[int]", count: int) -> None:
        while next(numbers) < count:
            await self._submit()

    async def _submit(self) -> None:
        await self._person.create("nothing")

    async def _begun(self, count: int) -> list[float]:
        """When the next so many attempts began, as the runner tells."""
        return [float((await self._runner.readline()).split()[1]) for _ in range(count)]

    async def _all_completed(self, count: int, watching: asyncio.Event) -> None:
        # What happened before is not read again: it would be a cost of no task.
        request = task_service_pb2.WatchEventsRequest(after_cursor=self._cursor)
        call = self._person.stub.WatchEvents(request, metadata=self._person.metadata)
        async for response in call:
            if response.HasField("caught_up"):
                watching.set()
            if not watching.is_set() or response.HasField("caught_up"):
                continue
            self._cursor = response.events[-1].cursor
            moved = (event.body.task_status_changed.status for event in response.events)
            count -= sum(status == task_pb2.TASK_STATUS_COMPLETED for status in moved)
            if count <= 0:
                call.cancel()
                return


@asynccontextmanager
async def open_queue(stack: Stack) -> AsyncIterator[ErrandQueue]:
    """On a stack whose GitHub runs; starts the scheduler and the runner, which the stack stops."""
    await stack.start_scheduler(**NO_LIMIT)
    printed = await start_runner(stack, "tests.bench.dispatch.noop_runner", slots=SLOTS, env={})
    async with signed_in(stack) as person:
        yield ErrandQueue(person, printed)
