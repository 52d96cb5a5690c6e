"""The steps of getting started: each has a beginning, a time, text on its way, and an end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from errand.v1.event_pb2 import Step
from errand_common.ids import Ids
from errand_runner.freezer import Freezer
from errand_runner.limit_words import limit_words
from errand_runner.live import Say
from errand_runner.record import Recorder
from errand_runner.sandbox.running_time import RunningTime

PULL_BEATS = 180
"""The scheduler's own limit of the whole start is in beats too, and longer (ARCHITECTURE.md, Bounds)."""

CONTAINER_S = 2 * 60.0
SETUP_S = 15 * 60.0


class StepLate(Exception):
    """A step did not end in its time; the message says how long that was."""


class Steps:
    """Tells of one attempt's steps; their time stands still while the attempt does."""

    def __init__(self, *, recorder: Recorder, freezer: Freezer, ids: Ids) -> None:
        self._recorder, self._freezer, self._ids = recorder, freezer, ids

    @asynccontextmanager
    async def step(self, step: "Step.ValueType", *, within_s: float) -> AsyncIterator[Say]:
        """A step that ends well with its context. What it gives takes text for whoever watches. Raises StepLate."""
        step_id, clock, time = self._ids.new("stp"), self._freezer.clock, RunningTime()
        await self._recorder.step_started(step_id, step)
        started_s = clock.boot_s()
        try:
            async with self._freezer.over(_Still(time)), time.limit(time.now_s() + within_s):
                yield partial(self._recorder.step_said, step_id)
        except TimeoutError as exc:
            raise StepLate(f"it did not end within {limit_words(within_s)}") from exc
        await self._recorder.step(step, clock.boot_s() - started_s, step_id=step_id)


class _Still:
    """A step's time as a part of its attempt."""

    def __init__(self, time: RunningTime) -> None:
        self._time = time

    async def freeze(self) -> None:
        self._time.hold()

    async def thaw(self) -> None:
        self._time.go_on()
