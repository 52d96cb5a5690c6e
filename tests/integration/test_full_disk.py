"""A writer on a disk of one megabyte that fills up: no false word, reads and stops go on, and room mends it."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from errand_common.clock import Clock
from errand_common.errors import Unavailable
from errand_scheduler.keeping.mending import Mending
from errand_scheduler.store import audit
from errand_scheduler.store.database import prepare
from errand_scheduler.store.query import Query, number
from errand_scheduler.store.reader import Reader
from errand_scheduler.store.reader_pool import open_reader
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer_thread import WriterThread, open_writer
from tests.integration.small_disk import SmallDisk, small_disk

STOPS = 20
"""Each in a transaction of its own, as people send them."""


@dataclass
class Notes:
    """Writes rows, and knows which of them were acknowledged."""

    writer: WriterThread
    acked: set[str] = field(default_factory=set)

    async def write(self, name: str, *, size_bytes: int = 0, urgent: bool = False) -> None:
        def note(tx: Tx) -> None:
            audit.record(tx, caller="test", action="x" * size_bytes, subject_id=name)

        await self.writer.write(note, size_bytes=size_bytes, urgent=urgent)
        self.acked.add(name)

    async def until_full(self, name: str) -> None:
        """Groups of writes, until one of them is refused."""
        for group in range(1000):
            together = [self.write(f"{name}-{group}-{each}", size_bytes=3000) for each in range(8)]
            results = await asyncio.gather(*together, return_exceptions=True)
            refused = [result for result in results if result is not None]
            if refused:
                assert all(isinstance(error, Unavailable) for error in refused), refused
                return
        raise AssertionError("the disk never filled up")


@asynccontextmanager
async def filled(tmp_path: Path) -> AsyncIterator[tuple[SmallDisk, Notes, Reader]]:
    """A writer on a small disk that was filled in the middle of its work."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    with small_disk(tmp_path / "data", size_kib=1024) as disk:
        path = disk.folder / "errand.db"
        prepare(path)
        async with open_writer(path, Clock(), lambda notices: None) as writer, open_reader(path) as reader:
            notes = Notes(writer)
            for each in range(60):
                await notes.write(f"before-{each}", size_bytes=3000)
            disk.fill(os.getpid())
            await notes.until_full("note")
            yield disk, notes, reader
        assert on_disk(path) == notes.acked, "what was told is there, and nothing else"


def on_disk(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {name for (name,) in connection.execute("SELECT subject_id FROM audit_log")}


async def test_what_was_acknowledged_is_there_and_can_be_read_meanwhile(tmp_path: Path) -> None:
    async with filled(tmp_path) as (_, notes, reader):
        assert notes.writer.degraded
        rows = await reader.one(Query("SELECT COUNT(*) FROM audit_log", number))
        assert rows == len(notes.acked)


async def test_what_is_urgent_has_room_that_was_kept_and_all_else_is_refused_at_once(tmp_path: Path) -> None:
    async with filled(tmp_path) as (_, notes, _):
        for each in range(STOPS):
            await notes.write(f"stop-{each}", urgent=True)
        with pytest.raises(Unavailable, match=r"cannot write .* nothing was changed") as refused:
            await notes.write("more")
        assert refused.value.retry_after is not None


async def test_it_stays_so_until_there_is_room_and_then_needs_no_restart(tmp_path: Path) -> None:
    async with filled(tmp_path) as (disk, notes, _):
        assert await notes.writer.probe() is False
        assert notes.writer.degraded
        disk.free(os.getpid())
        assert await notes.writer.probe() is True
        assert not notes.writer.degraded
        await notes.write("after", size_bytes=3000)
        assert (disk.folder / "errand.reserve").stat().st_blocks * 512 == 128 * 1024, "the room is kept again"


async def test_it_is_looked_at_again_and_again_and_told_when_it_changes(tmp_path: Path) -> None:
    told: asyncio.Queue[bool] = asyncio.Queue()
    async with filled(tmp_path) as (disk, notes, _), asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(Mending(notes.writer, tell=told.put, beat_s=0.05).run())
        assert await told.get() is False
        disk.free(os.getpid())
        assert await told.get() is True
        await notes.write("after")
        running.cancel()


async def test_a_second_time_is_like_the_first(tmp_path: Path) -> None:
    async with filled(tmp_path) as (disk, notes, _):
        for _ in range(2):
            disk.free(os.getpid())
            assert await notes.writer.probe() is True
            await notes.write(f"between-{len(notes.acked)}")
            disk.fill(os.getpid())
            await notes.until_full(f"again-{len(notes.acked)}")
            await notes.write(f"stop-{len(notes.acked)}", urgent=True)
