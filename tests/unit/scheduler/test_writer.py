"""The writer: what is committed together, and what fails alone."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from errand_common.clock import Clock
from errand_common.errors import Conflict, Exhausted, Unavailable
from errand_scheduler.store import audit
from errand_scheduler.store.database import prepare
from errand_scheduler.store.notices import SessionsEnded
from errand_scheduler.store.query import Query, number
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer_thread import QUEUE_BYTES, open_writer
from tests.unit.scheduler.world import World

AUDITS = Query("SELECT COUNT(*) FROM audit_log", number)


def note(tx: Tx) -> None:
    audit.record(tx, caller="test", action="act", subject_id="x")


class Gate:
    """Holds the writer's thread inside an operation, so that what comes meanwhile becomes one group."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, tx: Tx) -> None:
        self.entered.set()
        assert self.opened.wait(10)

    async def hold(self, world: World) -> "asyncio.Task[None]":
        held = asyncio.ensure_future(world.writer.write(self))
        await asyncio.to_thread(self.entered.wait, 10)
        return held


async def test_an_operation_that_fails_fails_alone(world: World) -> None:
    gate = Gate()
    held = await gate.hold(world)

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
    held = await gate.hold(world)
    caller, neighbour = (asyncio.ensure_future(world.writer.write(note)) for _ in range(2))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    gate.opened.set()
    async with asyncio.timeout(10):
        await asyncio.gather(held, neighbour)
    assert await world.reader.one(AUDITS) == 2


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
    held = await gate.hold(world)
    first = asyncio.ensure_future(world.writer.write(note, size_bytes=QUEUE_BYTES - 2048))
    await asyncio.sleep(0)
    with pytest.raises(Exhausted) as refused:
        await world.writer.write(note, size_bytes=4096)
    assert refused.value.retry_after is not None
    gate.opened.set()
    await asyncio.gather(held, first)
    await world.writer.write(note, size_bytes=4096)
    assert await world.reader.one(AUDITS) == 2


async def test_a_database_that_cannot_be_written_changes_nothing_and_says_so(world: World) -> None:
    def full(tx: Tx) -> None:
        note(tx)
        tx.run("PRAGMA query_only = ON", {})
        try:
            note(tx)
        finally:
            tx.run("PRAGMA query_only = OFF", {})

    with pytest.raises(Unavailable, match="cannot write"):
        await world.writer.write(full)
    await world.writer.write(note)
    assert await world.reader.one(AUDITS) == 1


async def test_closing_commits_what_is_queued(world: World) -> None:
    gate = Gate()
    held = await gate.hold(world)
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
