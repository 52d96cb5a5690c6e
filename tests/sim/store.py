"""The scheduler's store in line: the real schema, queue and committer; commits that fail, or kill, by the seed."""

import asyncio
import random
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, TypeVar

from errand_common.clock import Clock
from errand_common.errors import Unavailable
from errand_scheduler.store.group import Outcome
from errand_scheduler.store.lanes import Op
from errand_scheduler.store.notices import Notice
from errand_scheduler.store.query import Query
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.reserve import Reserve
from errand_scheduler.store.writer import Write
from errand_scheduler.store.writer_thread import WriterThread
from tests.sim.poison import STUMBLE, Poison, Poisoned
from tests.sim.process import Killed, Process

T = TypeVar("T")


_STUMBLES = 5


class CrashAt(Enum):
    """Where in a commit the scheduler dies."""

    BEFORE_BEGIN = auto()
    BEFORE_COMMIT = auto()
    BEFORE_REPLY = auto()


class Connection(sqlite3.Connection):
    """A database that can be made to refuse, or to kill who commits. `room`: commits that the reserve still allows."""

    full = False
    room = 0
    kill_at_commit = False
    poisoned = False
    stumbles = 0
    fails = 0
    unread = 0.0

    def execute(self, sql: str, params: Any = (), /) -> sqlite3.Cursor:
        if sql == "COMMIT":
            if self.kill_at_commit:
                raise Killed
            if self.fails:
                self.fails -= 1
                self.rollback()
                raise _disk_broken()
            if self.full:
                self.room -= 1
                if self.room < 0:
                    self.rollback()
                    raise _disk_full()
        if self.poisoned:
            self._check_writable(params)
        return super().execute(sql, params)

    def executemany(self, sql: str, rows: Iterable[Any], /) -> sqlite3.Cursor:
        rows = list(rows)
        if self.poisoned:
            self._check_writable(rows)
        return super().executemany(sql, rows)

    def _check_writable(self, params: Any) -> None:
        words = repr(params)
        if Poison.STORE in words:
            raise Poisoned(Poison.STORE)
        if STUMBLE in words and self.stumbles < _STUMBLES:
            self.stumbles += 1
            raise Poisoned(STUMBLE)


def _disk_broken() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
    return error


def _disk_full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    error.sqlite_errorname = "SQLITE_FULL"
    return error


class _Reserve(Reserve):
    """Room on the made-up disk."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(Path("reserve"), 1 << 20)
        self._connection, self._held = connection, False

    def make(self) -> bool:
        if self._connection.full:
            self.give_up()
            return False
        self._held = True
        return True

    def give_up(self) -> None:
        if self._held:
            self._held = False
            self._connection.room = 100

    def disk_is_full(self) -> bool:
        return self._connection.full


@dataclass
class Disk:
    """The scheduler's disk, as the schedule has it. `crash_in`: at which commit, counted from now, it dies."""

    connection: Connection
    chance: random.Random
    slow: float = 0.0
    group_most: int = 64
    linger_s: float = 0.0
    crash_in: int | None = None
    crash_at: CrashAt = CrashAt.BEFORE_COMMIT

    def crash_now(self) -> CrashAt | None:
        """Where in this commit the process dies, if it does."""
        if self.crash_in is None:
            return None
        self.crash_in -= 1
        if self.crash_in > 0:
            return None
        self.crash_in = None
        return self.crash_at


class InlineWriter(WriterThread):
    """The real queue and the real committer; groups are formed and committed on the loop of the scheduler's process."""

    def __init__(
        self,
        disk: Disk,
        clock: Clock,
        process: Process,
        on_commit: Callable[[Sequence[Notice]], None],
        committed: Callable[[], None],
    ) -> None:
        super().__init__(Path("/nowhere/errand.db"), clock, on_commit, reserve=_Reserve(disk.connection))
        self._disk, self._process, self._committed = disk, process, committed
        self._reserve.make()
        self._busy = False

    def stop(self) -> None:
        """Nothing more is taken in, as at the end of the real one."""
        self._lanes.close()

    def _queue(self, write: Write[T], *, urgent: bool) -> "asyncio.Future[T]":
        if not self._busy and (self._refused is None or urgent):
            self._busy = True
            self._process.later(self._disk.chance.random() * self._disk.linger_s, self._next)
        return super()._queue(write, urgent=urgent)

    def _next(self) -> None:
        group = self._lanes.take(within_s=0)
        if not group:
            self._busy = False
            return
        crash = self._disk.crash_now()
        if crash is CrashAt.BEFORE_BEGIN:
            self._process.kill()
            return
        connection = self._disk.connection
        connection.kill_at_commit = crash is CrashAt.BEFORE_COMMIT
        try:
            outcomes = self._committer.commit(connection, group)
        except Killed:
            connection.kill_at_commit = False
            connection.rollback()
            self._process.kill()
            return
        self._committed()
        if crash is CrashAt.BEFORE_REPLY:
            self._process.kill()
            return
        sync_s = 0.0005 if not self._disk.slow else self._disk.chance.random() ** 6 * self._disk.slow
        self._process.later(sync_s, self._answer, group, outcomes)

    def _answer(self, group: Sequence[Op[object]], outcomes: Sequence[Outcome]) -> None:
        self._settle(group, outcomes, self._committer.full)
        for op in group:
            if op.future.done() and not op.future.cancelled():
                op.future.exception()
        if self._committer.broken is None:
            self._next()
        else:
            self._ended.set_result(self._committer.broken)


class InlineReader(Reader):
    """Reads what is committed: between two groups there is nothing else."""

    def __init__(self, connection: Connection, chance: random.Random) -> None:
        self._connection, self._chance = connection, chance

    async def _rows(self, query: Query[T]) -> list[sqlite3.Row]:
        await asyncio.sleep(0)
        if self._connection.unread and self._chance.random() < self._connection.unread:
            raise Unavailable("the answer took longer than 5 s; ask for less, or later")
        return list(self._connection.execute(query.sql, query.params))
