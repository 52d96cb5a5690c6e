"""The loads under which services are profiled: each is a service and what it is made to do."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from tests.bench.agent.claude_process import open_claude
from tests.bench.agent.overhead import session
from tests.bench.agent.script import TURNS
from tests.bench.dispatch.errand_queue import open_queue
from tests.bench.person import NO_LIMIT, open_bare_stack, signed_in, start_runner
from tests.bench.profile.told import Told
from tests.demo.phone import Phone
from tests.demo.stack import REPOSITORY, Claude, Stack, open_stack

_TASKS = 300


async def _nothing(seconds: float) -> None:
    """Nothing is to be prepared."""


@dataclass(frozen=True)
class Load:
    """Rounds of work for the service with this process id. `go` keeps it up for about so many seconds and returns how
    many `unit`s that were; `ready` prepares it, which is not counted."""

    pid: int
    unit: str
    go: Callable[[float], Awaitable[int]]
    ready: Callable[[float], Awaitable[None]] = _nothing


@asynccontextmanager
async def _tasks(service: str) -> AsyncIterator[Load]:
    """No-op tasks through their whole life, at a runner that does nothing."""
    async with open_bare_stack() as stack, open_queue(stack) as queue:

        async def some() -> int:
            await queue.throughput(_TASKS)
            return _TASKS

        yield Load(_pid(stack, service), "task", partial(_repeated, some))


@asynccontextmanager
async def _events(service: str) -> AsyncIterator[Load]:
    """Attempts that tell events at a steady rate, each followed by a phone."""
    async with _told() as (stack, told, _):
        yield Load(_pid(stack, service), "event", told.go, told.ready)


@asynccontextmanager
async def _pages(service: str) -> AsyncIterator[Load]:
    """A phone that reads the list of tasks, one of them, and what happened in it."""
    async with _told() as (stack, told, phone):
        await told.ready(1.0)
        await told.go(1.0)
        (task, *_) = (await phone.get("/v1/tasks"))["tasks"]
        paths = ("/v1/tasks", f"/v1/tasks/{task['task_id']}", f"/v1/tasks/{task['task_id']}/events")

        async def read() -> int:
            for path in paths:
                await phone.get(path)
            return len(paths)

        yield Load(_pid(stack, service), "page", partial(_repeated, read))


@asynccontextmanager
async def _turns(service: str) -> AsyncIterator[Load]:
    """An errand of forty turns, each with a command, again and again."""
    async with (
        open_claude() as claude,
        open_stack(claude=Claude(f"{claude}/errand", "of-no-use")) as stack,
        Phone.open(stack.gateway_url) as phone,
    ):
        await phone.sign_in()
        project = await phone.add_project(REPOSITORY)

        async def errand() -> int:
            await session(phone, project)
            return TURNS

        yield Load(_pid(stack, service), "turn", partial(_repeated, errand))


@asynccontextmanager
async def _told() -> AsyncIterator[tuple[Stack, Told, Phone]]:
    async with open_bare_stack() as stack:
        await stack.start_scheduler(**NO_LIMIT)
        await stack.start_gateway()
        source = await start_runner(stack, "tests.bench.events.source", slots=Told.TASKS, env={})
        async with signed_in(stack) as person, Phone.open(stack.gateway_url) as phone, asyncio.TaskGroup() as group:
            phone.access_token = person.metadata[0][1].removeprefix("Bearer ")
            yield stack, Told(stack, person, phone, source, group), phone


async def _repeated(work: Callable[[], Awaitable[int]], seconds: float) -> int:
    until_s, count = time.monotonic() + seconds, 0
    while time.monotonic() < until_s:
        count += await work()
    return count


def _pid(stack: Stack, service: str) -> int:
    return stack.processes.running[service].pid


LOADS: dict[str, Callable[[], AbstractAsyncContextManager[Load]]] = {
    "scheduler-tasks": partial(_tasks, "scheduler"),
    "scheduler-events": partial(_events, "scheduler"),
    "scheduler-pages": partial(_pages, "scheduler"),
    "gateway-events": partial(_events, "gateway"),
    "gateway-pages": partial(_pages, "gateway"),
    "runner-turns": partial(_turns, "runner"),
}
