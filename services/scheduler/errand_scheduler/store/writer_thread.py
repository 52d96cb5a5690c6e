"""The writer of a running scheduler: one thread that commits, as one group, what queued up during the last fsync."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from errand_common.clock import Clock
from errand_common.errors import Exhausted, Unavailable
from errand_scheduler.store.connection import open_for_writing
from errand_scheduler.store.group import Outcome, commit_group
from errand_scheduler.store.notices import Notice
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()
T = TypeVar("T")

QUEUE_BYTES = 32 * 1024 * 1024
"""How much may wait before callers are told to come back (ARCHITECTURE.md, Bounds)."""
_OP_BYTES = 512  # what an operation weighs beside the content that it carries
_GROUP_OPS = 512  # bounds how long the first caller of a group waits for the last


@dataclass(frozen=True)
class _Op(Generic[T]):
    fn: Callable[[Tx], T]
    future: "asyncio.Future[T]"
    weight_bytes: int
    context: Context


class WriterThread(Writer):
    """Runs `fn(tx)` operations. `on_commit` hears the notices of each, on the loop and in the context of its caller (so
    that what it logs has the request's id), before any caller of the group goes on."""

    def __init__(self, path: Path, clock: Clock, on_commit: Callable[[Sequence[Notice]], None]) -> None:
        self._path = path
        self._clock = clock
        self._on_commit = on_commit
        self._ops: deque[_Op[object]] = deque()
        self._queued_bytes = 0
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="writer")
        self._loop = asyncio.get_running_loop()
        self._closed = self._loop.create_future()

    def start(self) -> None:
        """Start the thread. The database must have been migrated."""
        self._thread.start()

    async def write(self, fn: Callable[[Tx], T], *, size_bytes: int = 0, urgent: bool = False) -> T:
        op = _Op(fn, self._loop.create_future(), _OP_BYTES + size_bytes, copy_context())
        self._enqueue(op)
        return await asyncio.shield(op.future)

    @property
    def degraded(self) -> bool:
        return False

    async def close(self) -> None:
        """Commit what is queued, then end the thread."""
        if not self._thread.is_alive():
            return
        with self._wake:
            self._closing = True
            self._wake.notify()
        await self._closed
        self._thread.join()

    def _enqueue(self, op: _Op[T]) -> None:
        with self._wake:
            if self._closing:
                raise Unavailable("the scheduler is stopping; try again")
            if self._queued_bytes + op.weight_bytes > QUEUE_BYTES:
                raise Exhausted("too much waits to be written; come back", retry_after=timedelta(seconds=1))
            self._queued_bytes += op.weight_bytes
            self._ops.append(op)  # type: ignore[arg-type]  # a queue of operations of every result
            self._wake.notify()

    def _run(self) -> None:
        connection = open_for_writing(self._path)
        try:
            while group := self._next_group():
                outcomes = commit_group(connection, [op.fn for op in group], self._clock.now_us())
                self._loop.call_soon_threadsafe(self._settle, group, outcomes)
        finally:
            connection.close()
            self._loop.call_soon_threadsafe(self._closed.set_result, None)

    def _next_group(self) -> list[_Op[object]]:
        """Waits for work; empty once closed and drained."""
        with self._wake:
            while not self._ops and not self._closing:
                self._wake.wait()
            group = [self._ops.popleft() for _ in range(min(len(self._ops), _GROUP_OPS))]
            self._queued_bytes -= sum(op.weight_bytes for op in group)
            return group

    def _tell(self, notices: Sequence[Notice]) -> None:
        try:
            self._on_commit(notices)
        except Exception:
            # What is committed is committed: its callers must hear of it.
            log.exception("notices_not_told")

    def _settle(self, group: Sequence[_Op[object]], outcomes: Sequence[Outcome]) -> None:
        for op, outcome in zip(group, outcomes, strict=True):
            if outcome.notices:
                op.context.run(self._tell, outcome.notices)
        refused = next((outcome.error for outcome in outcomes if isinstance(outcome.error, Unavailable)), None)
        if refused is not None:
            log.error("write_refused", operations=len(group), error=refused.message)
        for op, outcome in zip(group, outcomes, strict=True):
            if outcome.error is None:
                op.future.set_result(outcome.result)
            else:
                op.future.set_exception(outcome.error)


@asynccontextmanager
async def open_writer(
    path: Path, clock: Clock, on_commit: Callable[[Sequence[Notice]], None]
) -> AsyncIterator[WriterThread]:
    """A writer that runs while the context lasts, and ends with everything committed."""
    writer = WriterThread(path, clock, on_commit)
    writer.start()
    try:
        yield writer
    finally:
        await writer.close()
