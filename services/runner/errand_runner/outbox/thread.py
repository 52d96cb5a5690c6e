"""The one thread in which the outbox touches the disk, and what waits while that is full."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from errand_runner.outbox.disk import Disk, is_full

Result = TypeVar("Result")


class DiskThread:
    """Runs jobs one after the other, by way of the event loop."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._starved: dict[object, None] = {}

    @property
    def full(self) -> bool:
        """Whether a write waits for room on the disk."""
        return bool(self._starved)

    @property
    def room_retry_s(self) -> float:
        """How long until a write that found the disk full is tried again."""
        return self._disk.room_retry_s

    async def put(self, path: Path, content: bytes) -> None:
        """Write a whole file; waits for room. Raises OSError. When cancelled, it may be there all the same."""
        try:
            while True:
                try:
                    writing = self.run(partial(self._disk.put, path, content))
                    writing.add_done_callback(_hear)
                    return await asyncio.shield(writing)
                except OSError as exc:
                    if not is_full(exc):
                        raise
                    self.starve(path, exc)
                await asyncio.sleep(self.room_retry_s)
        finally:
            self.feed(path)

    def run(self, job: Callable[[], Result]) -> "asyncio.Future[Result]":
        """A job's result, after all jobs before it."""
        return asyncio.get_running_loop().run_in_executor(self._executor, job)

    def starve(self, what: object, failure: OSError) -> None:
        """This waits for room."""
        if not self._starved:
            advice = "attempts wait; free some of the disk that holds ERRAND_DATA"
            structlog.get_logger().error("outbox_disk_full", error=failure.strerror, advice=advice)
        self._starved[what] = None

    def feed(self, what: object) -> None:
        """This waits no more."""
        if what in self._starved:
            del self._starved[what]
            if not self._starved:
                structlog.get_logger().info("outbox_disk_has_room")

    def close(self) -> None:
        """Wait for what is under way. It blocks."""
        self._executor.shutdown()


def _hear(done: "asyncio.Future[None]") -> None:
    """Whoever waits hears how it ended; nobody has to."""
    if not done.cancelled():
        done.exception()
