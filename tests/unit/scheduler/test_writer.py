"""The writer: what is committed together, and what fails alone."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from errand_common.clock import Clock
from errand_common.errors import Conflict, Exhausted, Unavailable
from errand_scheduler.store import audit
from errand_scheduler.store.database import prepare
from errand_scheduler.store.lanes import QUEUE_BYTES, URGENT_BYTES
from errand_scheduler.store.notices import SessionsEnded
from errand_scheduler.store.query import Query, number
from errand_scheduler.store.reader_pool import open_reader
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.wal import LengthAlarm
from errand_scheduler.store.writer import Write
from errand_scheduler.store.writer_thread import StorageBroken, WriterThread, open_writer
from tests.unit.scheduler.world import World

AUDITS = Query("SELECT COUNT(*) FROM audit_log", number)


def note(tx: Tx) -> None:
    audit.record(tx, caller="test", action="act", subject_id="x")


def named(subject_id: str) -> Callable[[Tx], None]:
    return lambda tx: audit.record(tx, caller="test", action="act", subject_id=subject_id)


class Gate:
    """Holds the writer's thread inside an operation, so that what comes meanwhile becomes one group."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, tx: Tx) -> None:
        self.entered.set()
        assert self.opened.wait(10)

    async def hold(self, writer: WriterThread) -> "asyncio.Task[None]":
        held = asyncio.ensure_future(writer.write(self))
        await asyncio.to_thread(self.entered.wait, 10)
        return held


async def test_an_operation_that_fails_fails_alone(world: World) -> None:
    gate = Gate()
    held = await gate.hold(world.writer)

    def fail(tx: Tx) -> None:
        note(tx)
        tx.notice(SessionsEnded(family_id="never"))
        raise Conflict("no")

    def bug(tx: Tx) -> None:
        tx.run("INSERT INTO audit_log (caller) VALUES (NULL)", {})

    writes = [asyncio.ensure_future(world.writer.write(fn)) for fn in (note, fail, note, bug, note)]
    await asyncio.sleep(0)
    gate.opened.set()
    results = await asyncio.gather(held, *writes, return_exceptions=True)
    assert [type(result) for result in results[1:]] == [
        type(None), Conflict, type(None), sqlite3.IntegrityError, type(None),
    ]  # fmt: skip
    assert await world.reader.one(AUDITS) == 3
    assert SessionsEnded(family_id="never") not in world.notices


async def test_a_cancelled_caller_does_not_take_its_operation_back(world: World) -> None:
    gate = Gate()
    held = await gate.hold(world.writer)
    caller, neighbour = (asyncio.ensure_future(world.writer.write(note)) for _ in range(2))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    gate.opened.set()
    async with asyncio.timeout(10):
        await asyncio.gather(held, neighbour)
    assert await world.reader.one(AUDITS) == 2


async def test_of_several_operations_each_has_its_own_outcome(world: World) -> None:
    def fail(tx: Tx) -> None:
        note(tx)
        raise Conflict("no")

    too_long = Write(note, 2 * QUEUE_BYTES)
    outcomes = await world.writer.write_each([Write(note), Write(fail), too_long, Write(note)])
    assert [type(outcome) for outcome in outcomes] == [type(None), Conflict, Exhausted, type(None)]
    assert await world.reader.one(AUDITS) == 2


async def test_a_cancelled_caller_does_not_take_back_what_it_asked_for_together(world: World) -> None:
    gate = Gate()
    held = await gate.hold(world.writer)
    caller = asyncio.ensure_future(world.writer.write_each([Write(note), Write(note)]))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    gate.opened.set()
    async with asyncio.timeout(10):
        await held
        await world.writer.write(note)
    assert await world.reader.one(AUDITS) == 3


async def test_an_answer_comes_after_the_commit(world: World) -> None:
    for count in range(1, 20):
        await world.writer.write(note)
        assert await world.reader.one(AUDITS) == count


async def test_notices_are_told_before_the_caller_goes_on(world: World) -> None:
    notice = SessionsEnded(family_id="f")
    await world.writer.write(lambda tx: tx.notice(notice))
    assert world.notices == [notice]


async def test_a_full_queue_refuses_with_a_time_to_come_back(world: World) -> None:
    gate = Gate()
    held = await gate.hold(world.writer)
    first = asyncio.ensure_future(world.writer.write(note, size_bytes=QUEUE_BYTES - 2048))
    await asyncio.sleep(0)
    with pytest.raises(Exhausted) as refused:
        await world.writer.write(note, size_bytes=4096)
    assert refused.value.retry_after is not None
    gate.opened.set()
    await asyncio.gather(held, first)
    await world.writer.write(note, size_bytes=4096)
    assert await world.reader.one(AUDITS) == 2


async def test_what_is_urgent_goes_ahead_of_what_waits_and_is_taken_beside_a_full_queue(world: World) -> None:
    gate = Gate()
    held = await gate.hold(world.writer)
    names = ("first", "second")
    writes = [
        asyncio.ensure_future(world.writer.write(named(name), size_bytes=QUEUE_BYTES // 2 - 2048)) for name in names
    ]
    writes.append(asyncio.ensure_future(world.writer.write(named("stop"), size_bytes=8192, urgent=True)))
    await asyncio.sleep(0)
    assert world.writer.load > 0.99
    with pytest.raises(Exhausted):
        await world.writer.write(note, size_bytes=URGENT_BYTES, urgent=True)
    gate.opened.set()
    await asyncio.gather(held, *writes)
    rows = Query("SELECT subject_id FROM audit_log ORDER BY audit_id", lambda row: str(row[0]))
    assert await world.reader.all(rows) == ["stop", *names]
    assert world.writer.load == 0.0


async def test_a_disk_that_fails_ends_the_writer_and_nobody_is_told_that_anything_was_done(tmp_path: Path) -> None:
    def fails(tx: Tx) -> None:
        note(tx)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    path = tmp_path / "errand.db"
    prepare(path)
    async with open_writer(path, Clock(), lambda notices: None) as writer, asyncio.timeout(10):
        gate = Gate()
        held = await gate.hold(writer)
        together = [asyncio.ensure_future(writer.write(fn)) for fn in (note, fails, note)]
        await asyncio.sleep(0)
        gate.opened.set()
        await held
        for write in together:
            with pytest.raises(Unavailable):
                await write
        with pytest.raises(StorageBroken, match=r"the disk failed under .*errand.db \(.*disk I/O error"):
            await writer.until_broken()
        with pytest.raises(Unavailable):
            await writer.write(note)
        async with open_reader(path) as reader:
            assert await reader.one(AUDITS) == 0


async def test_a_log_is_emptied_once_nothing_is_written_any_more(tmp_path: Path) -> None:
    path = tmp_path / "errand.db"
    prepare(path)
    writer = WriterThread(path, Clock(), lambda notices: None, idle_s=0.01)
    writer.start()
    try:
        await writer.write(note)
        async with asyncio.timeout(10):
            while (tmp_path / "errand.db-wal").stat().st_size > 0:
                await asyncio.sleep(0.01)
    finally:
        await writer.close()


def test_a_log_that_a_reader_keeps_long_is_told_of_once(tmp_path: Path) -> None:
    log = tmp_path / "errand.db-wal"
    alarm = LengthAlarm(tmp_path / "errand.db", long_bytes=10)
    assert alarm.rings() is None
    heard = []
    for length in (10, 11, 12, 0, 13):
        log.write_bytes(bytes(length))
        heard.append(alarm.rings())
    assert heard == [None, 11, None, None, 13]


async def test_a_database_that_cannot_be_written_changes_nothing_and_says_so(world: World) -> None:
    def full(tx: Tx) -> None:
        note(tx)
        tx.run("PRAGMA query_only = ON", {})
        try:
            note(tx)
            tx.settle()
        finally:
            tx.run("PRAGMA query_only = OFF", {})

    with pytest.raises(Unavailable, match="cannot write"):
        await world.writer.write(full)
    await world.writer.write(note)
    assert await world.reader.one(AUDITS) == 1


async def test_closing_commits_what_is_queued(world: World) -> None:
    gate = Gate()
    held = await gate.hold(world.writer)
    queued = asyncio.ensure_future(world.writer.write(note))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(world.writer.close())
    await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(held, queued, closing)
    assert await world.reader.one(AUDITS) == 1
    with pytest.raises(Unavailable):
        await world.writer.write(note)


async def test_what_is_committed_is_answered_even_if_telling_it_fails(tmp_path: Path) -> None:
    def fail(notices: object) -> None:
        raise RuntimeError("a bug in whoever listens")

    prepare(tmp_path / "errand.db")
    async with open_writer(tmp_path / "errand.db", Clock(), fail) as writer, asyncio.timeout(10):
        await writer.write(lambda tx: tx.notice(SessionsEnded(family_id="fam_1")))
