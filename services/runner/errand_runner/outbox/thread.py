"""The one thread in which the outbox touches the disk, and what happens while the disk is full."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from errand_runner.outbox.disk import Disk, Piece, is_full
from errand_runner.outbox.tail import Tail

Result = TypeVar("Result")


class DiskThread:
    """Runs jobs one after the other, by way of the event loop; what several tails queued during one is the next."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._waiting: dict[Tail, None] = {}
        self._writing = False
        self._starved: dict[object, None] = {}

    @property
    def full(self) -> bool:
        """Whether a write waits for room on the disk."""
        return bool(self._starved)

    def write(self, tail: Tail) -> None:
        """See to what is queued for a tail; it hears how that went."""
        if tail not in self._starved:
            self._waiting[tail] = None
            self._write_waiting()

    def drop(self, tail: Tail) -> None:
        """The tail takes nothing more; its file is closed."""
        self._waiting.pop(tail, None)
        self._feed(tail)
        # After what is still under way for it: a number closed earlier may belong to another file by then.
        self.run(os.close, tail.descriptor)

    async def put(self, path: Path, content: bytes) -> None:
        """Write a whole file; waits for room. Raises OSError. When cancelled, it may be there all the same."""
        try:
            while True:
                try:
                    return await asyncio.shield(self.run(self._disk.put, path, content))
                except OSError as exc:
                    if not is_full(exc):
                        raise
                    self._starve(path, exc)
                await asyncio.sleep(self._disk.room_retry_s)
        finally:
            self._feed(path)

    def run(self, job: Callable[..., Result], *args: object) -> "asyncio.Future[Result]":
        """A job's result, after all jobs before it."""
        return asyncio.get_running_loop().run_in_executor(self._executor, partial(job, *args))

    def close(self) -> None:
        """Wait for what is under way. It blocks."""
        self._executor.shutdown()

    def _write_waiting(self) -> None:
        tails = [tail for tail in self._waiting if tail.queue]
        if self._writing or not tails:
            return
        self._waiting.clear()
        self._writing = True
        pieces = [tail.take() for tail in tails]
        done = self.run(self._disk.append, pieces)
        done.add_done_callback(lambda _: self._on_written(tails, pieces, done))

    def _on_written(self, tails: list[Tail], pieces: list[Piece], done: "asyncio.Future[list[OSError | None]]") -> None:
        self._writing = False
        for tail, piece, failure in zip(tails, pieces, done.result(), strict=True):
            tail.settle(piece, failure)
            if failure is not None and is_full(failure):
                self._starve(tail, failure)
                asyncio.get_running_loop().call_later(self._disk.room_retry_s, self._retry, tail)
            else:
                self._feed(tail)
            if tail.queue:
                self.write(tail)
        self._write_waiting()

    def _retry(self, tail: Tail) -> None:
        if tail not in self._starved:
            return
        if not tail.queue:
            self._feed(tail)
            return
        # It counts as starved until it is written: what else is appended meanwhile waits for this try.
        self._waiting[tail] = None
        self._write_waiting()

    def _starve(self, what: object, failure: OSError) -> None:
        if not self._starved:
            advice = "attempts wait; free some of the disk that holds ERRAND_DATA"
            structlog.get_logger().error("outbox_disk_full", error=failure.strerror, advice=advice)
        self._starved[what] = None

    def _feed(self, what: object) -> None:
        if what in self._starved:
            del self._starved[what]
            if not self._starved:
                structlog.get_logger().info("outbox_disk_has_room")
