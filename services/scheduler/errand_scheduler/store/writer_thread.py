"""The writer of a running scheduler: one thread that commits, as one group, what queued up during the last fsync."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from contextvars import copy_context
from pathlib import Path
from typing import TypeVar

import structlog

from errand_common.clock import Clock
from errand_common.errors import ErrandError, Unavailable
from errand_common.log import together
from errand_scheduler.store import wal
from errand_scheduler.store.committer import Committer
from errand_scheduler.store.connection import open_for_writing
from errand_scheduler.store.group import DiskFull, Outcome
from errand_scheduler.store.lanes import Lanes, Op
from errand_scheduler.store.notices import Notice
from errand_scheduler.store.reserve import Reserve
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Write, Writer

log = structlog.get_logger()
T = TypeVar("T")

_OP_BYTES = 512  # what an operation weighs beside the content that it carries
_IDLE_S = 5.0  # without work for so long, the write-ahead log is emptied


class StorageBroken(Exception):
    """The disk failed under the database: the process must end, and what follows it reads the disk anew."""


class WriterThread(Writer):
    """Runs `fn(tx)` operations. `on_commit` hears the notices of each, on the loop and in the context of its caller (so
    that what it logs has the request's id), before any caller of the group goes on."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        on_commit: Callable[[Sequence[Notice]], None],
        *,
        reserve: Reserve | None = None,
        idle_s: float = _IDLE_S,
    ) -> None:
        self._path = path
        self._idle_s = idle_s
        self._on_commit = on_commit
        self._reserve = reserve or Reserve(path.with_suffix(".reserve"))
        self._committer = Committer(self._reserve, clock)
        self._alarm = wal.LengthAlarm(path)
        self._lanes = Lanes()
        self._waking = False
        self._refused: DiskFull | None = None
        self._on_full = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="writer")
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[Exception | None] = self._loop.create_future()

    def start(self) -> None:
        """Start the thread. The database must have been migrated."""
        self._thread.start()

    async def write(self, fn: Callable[[Tx], T], *, size_bytes: int = 0, urgent: bool = False) -> T:
        result: T = await self._queue(Write(fn, size_bytes), urgent=urgent)
        return result

    async def write_each(self, writes: Sequence[Write[T]], *, urgent: bool = False) -> list[T | Exception]:
        queued = [self._queue_or_refuse(write, urgent=urgent) for write in writes]
        outcomes: list[T | Exception] = []
        try:
            # Most are in one group: when the first is done, all are.
            for future in queued:
                outcome = await _outcome(future)
                outcomes.append(outcome)
        except asyncio.CancelledError:
            for future in queued:
                _leave(future)
            raise
        return outcomes

    @property
    def degraded(self) -> bool:
        return self._refused is not None

    @property
    def load(self) -> float:
        return self._lanes.load

    async def until_degraded(self) -> None:
        """Returns while the disk is full."""
        await self._on_full.wait()

    async def probe(self) -> bool:
        """Try whether there is room again; if so, everything is written again from now on."""
        try:
            await self.write(self._committer.probe, urgent=True)
        except Unavailable:
            return False
        if self._refused is not None and self._committer.full is None:
            self._refused = None
            self._on_full.clear()
            log.info("storage_recovered")
        return not self.degraded

    async def until_broken(self) -> None:
        """Returns once the writer is closed. Raises StorageBroken as soon as nothing can be written any more."""
        error = await asyncio.shield(self._ended)
        if error is not None:
            raise StorageBroken(
                f"the disk failed under {self._path} ({error}); nothing that was acknowledged is lost by this; look at"
                " the disk, then start the scheduler again"
            ) from error

    async def close(self) -> None:
        """Commit what is queued, then end the thread."""
        if self._thread.ident is None:
            return
        self._lanes.close()
        await asyncio.shield(self._ended)
        self._thread.join()

    def _queue(self, write: Write[T], *, urgent: bool) -> "asyncio.Future[T]":
        """Raises what is known already."""
        if self._refused is not None and not urgent:
            raise DiskFull(self._refused.message, retry_after=self._refused.retry_after)
        op = Op(write.fn, self._loop.create_future(), _OP_BYTES + write.size_bytes, urgent, copy_context())
        self._lanes.put(op)
        if not self._waking:
            # When all who are to go on now have asked: a request of many operations makes one group.
            self._waking = True
            self._loop.call_soon(self._wake)
        return op.future

    def _queue_or_refuse(self, write: Write[T], *, urgent: bool) -> "asyncio.Future[T]":
        try:
            return self._queue(write, urgent=urgent)
        except ErrandError as exc:
            refused: asyncio.Future[T] = self._loop.create_future()
            refused.set_exception(exc)
            return refused

    def _wake(self) -> None:
        self._waking = False
        self._lanes.wake()

    def _run(self) -> None:
        error: Exception | None = None
        try:
            with closing(open_for_writing(self._path)) as connection:
                self._reserve.make()
                wal.keep_within(connection, self._reserve.size_bytes // 2)
                error = self._serve(connection)
        except Exception as exc:
            # Whatever it was: without this thread nothing is written, and everybody must hear of it.
            error = exc
        self._loop.call_soon_threadsafe(self._end, error)

    def _serve(self, connection: sqlite3.Connection) -> Exception | None:
        """Returns why it cannot go on; none once closed and drained."""
        written = False
        while (group := self._lanes.take(within_s=self._idle_s if written else None)) != []:
            if group is None:
                written = not self._empty_log(connection)
                continue
            outcomes = self._committer.commit(connection, group)
            self._loop.call_soon_threadsafe(self._settle, group, outcomes, self._committer.full)
            if self._committer.broken is not None:
                return self._committer.broken
            written = True
            if (length_bytes := self._alarm.rings()) is not None:
                log.error("log_grows", length_bytes=length_bytes)
        return None

    def _empty_log(self, connection: sqlite3.Connection) -> bool:
        try:
            return wal.truncate(connection)
        except sqlite3.Error as exc:
            log.warning("checkpoint_failed", error=str(exc))
            return False

    def _settle(self, group: Sequence[Op[object]], outcomes: Sequence[Outcome], full: DiskFull | None) -> None:
        with together():
            for op, outcome in zip(group, outcomes, strict=True):
                if outcome.notices:
                    op.context.run(self._tell, outcome.notices)
        self._follow(full)
        refused = next((outcome.error for outcome in outcomes if isinstance(outcome.error, Unavailable)), None)
        if refused is not None and full is None:
            log.error("write_refused", operations=len(group), error=refused.message)
        for op, outcome in zip(group, outcomes, strict=True):
            if op.future.cancelled():
                continue
            if outcome.error is None:
                op.future.set_result(outcome.result)
            else:
                op.future.set_exception(outcome.error)

    def _follow(self, full: DiskFull | None) -> None:
        """Recovery is told by the probe that finds it."""
        if full is not None and self._refused is None:
            self._refused = full
            self._on_full.set()
            log.error("storage_degraded", error=full.message)

    def _tell(self, notices: Sequence[Notice]) -> None:
        try:
            self._on_commit(notices)
        except Exception:
            # What is committed is committed: its callers must hear of it.
            log.exception("notices_not_told")

    def _end(self, error: Exception | None) -> None:
        self._lanes.close()
        while group := self._lanes.take():
            for op in group:
                if op.future.cancelled():
                    continue
                op.future.set_exception(Unavailable("the scheduler cannot write any more and stops; try again"))
        if error is not None:
            log.error("storage_broken", error=str(error))
        self._ended.set_result(error)


async def _outcome(future: "asyncio.Future[T]") -> T | Exception:
    try:
        return await future
    except Exception as exc:
        return exc


def _leave(future: "asyncio.Future[T]") -> None:
    """Nobody waits for it any more, or for how it ended."""
    if not future.cancel() and not future.cancelled():
        future.exception()


@asynccontextmanager
async def open_writer(
    path: Path, clock: Clock, on_commit: Callable[[Sequence[Notice]], None], *, reserve: Reserve | None = None
) -> AsyncIterator[WriterThread]:
    """A writer that runs while the context lasts, and ends with everything committed."""
    writer = WriterThread(path, clock, on_commit, reserve=reserve)
    writer.start()
    try:
        yield writer
    finally:
        await writer.close()
