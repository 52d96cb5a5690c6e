"""A runner's line to the scheduler double, opened again whenever it ends, as sessions do."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from errand.v1 import event_pb2, task_pb2
from errand.v1.runner_pb2 import AttemptEvent
from errand_common.errors import ErrandError
from errand_runner.bisection import Suspicion
from errand_runner.deltas import Deltas
from errand_runner.dispatch import Dispatch
from errand_runner.events import DELTA_PAUSE_S, EventStream
from errand_runner.outbox import Log, Outbox
from tests.unit.runner.scheduler_double import SchedulerDouble, serving


def attempt(number: int) -> str:
    """The id of an attempt."""
    return f"att_{number:026d}"


def event(text: str = "", *, content: bytes = b"") -> AttemptEvent:
    """A small event that can be told from others, or one with content of any length."""
    if content:
        body = event_pb2.EventBody(message_appended=event_pb2.MessageAppended())
        return AttemptEvent(body=body, message=task_pb2.Message(content=content))
    body = event_pb2.EventBody(step_finished=event_pb2.StepFinished())
    return AttemptEvent(body=body, prefix=text.encode())


class Hasty(random.Random):
    """Waits that take no time."""

    def uniform(self, a: float, b: float) -> float:
        return super().uniform(a, b) / 1000


class Line:
    """What a test may see of it, and do to it."""

    def __init__(self, dispatch: Dispatch, box: Outbox) -> None:
        self.dispatch, self.deltas = dispatch, Deltas(box.changed)
        self.superseded: list[str] = []
        self.errors: list[ErrandError] = []
        self.cut = asyncio.Event()


@asynccontextmanager
async def sending(
    double: SchedulerDouble | None,
    box: Outbox,
    *,
    connect: Callable[..., Any] = serving,
    delta_pause_s: float = DELTA_PAUSE_S,
) -> AsyncGenerator[Line]:
    """The line, open; `cut` breaks it once. `connect` gives the stub."""
    suspicion = Suspicion()

    async def run(line: Line) -> None:
        while True:
            stream = EventStream(
                line.dispatch,
                session_id="ses_1",
                outbox=box,
                deltas=line.deltas,
                suspicion=suspicion,
                on_taken=lambda: None,
                on_superseded=line.superseded.append,
                delta_pause_s=delta_pause_s,
            )
            running = asyncio.ensure_future(stream.run())
            cut = asyncio.ensure_future(line.cut.wait())
            try:
                await asyncio.wait([running, cut], return_when=asyncio.FIRST_COMPLETED)
            finally:
                running.cancel()
                cut.cancel()
                (ended, _) = await asyncio.gather(running, cut, return_exceptions=True)
            line.cut.clear()
            if isinstance(ended, ErrandError):
                line.errors.append(ended)
            elif isinstance(ended, Exception):
                raise ended

    async with connect(double) as stub, asyncio.TaskGroup() as group:
        line = Line(Dispatch(stub, "token", Hasty(0)), box)
        sender = group.create_task(run(line))
        yield line
        sender.cancel()


async def drained(*logs: Log) -> None:
    """All that was appended is acknowledged, or given up."""
    async with asyncio.timeout(20):
        for log in logs:
            await log.drained()
