"""What is old enough goes, and nothing else does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest

from errand_common.errors import Conflict
from errand_common.values import TaskStatus
from errand_scheduler.folder import DataFolder
from errand_scheduler.keeping.backups import Backups
from errand_scheduler.keeping.blob_files import BlobFiles
from errand_scheduler.keeping.blob_sweep import BlobSweep
from errand_scheduler.keeping.retention import Retention
from errand_scheduler.store import audit, blobs, events, idempotency, judgements, retention, sessions
from errand_scheduler.store.blobs import Blob
from errand_scheduler.store.events import NewEvent
from errand_scheduler.store.idempotency import IdempotencyKey
from errand_scheduler.store.query import Query, number
from errand_scheduler.store.sessions import Session
from errand_scheduler.store.transaction import Tx
from tests.unit.scheduler.world import DURATIONS, USER, World

DAY_S = 24 * 60 * 60
DAYS = 30


@dataclass(frozen=True)
class Kept:
    """A store with its folder, and the sweep."""

    world: World
    folder: DataFolder
    backups: Backups
    sweep: Retention

    async def ended(self, prompt: str = "do it", *, rows: int = 3, blob: Blob | None = None) -> str:
        """A task that is over, with a record of that many events beside the scheduler's own."""
        task_id = (await self.world.new_task(prompt=prompt)).task_id
        holder = await self.world.accepted(task_id)
        await self.world.writer.write(lambda tx: _record(tx, task_id, holder.attempt_id, rows, blob))
        await self.world.finished(holder)
        return task_id

    async def put(self, content: bytes, *, named: bool = True) -> Blob:
        blob = Blob(sha256=sha256(content).hexdigest(), size_bytes=len(content))
        path = self.file(blob)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        if named:
            await self.world.writer.write(lambda tx: blobs.insert(tx, blob))
        return blob

    def file(self, blob: Blob) -> Path:
        return self.folder.blobs / blob.sha256[:2] / blob.sha256

    async def known(self, blob: Blob) -> bool:
        return await self.world.reader.one(blobs.stored([blob.sha256])) is not None

    async def count(self, table: str, task_id: str = "") -> int:
        condition = "WHERE task_id = :task_id" if task_id else "WHERE :task_id = ''"
        counted = await self.world.reader.one(
            Query(f"SELECT COUNT(*) FROM {table} {condition}", number, {"task_id": task_id})
        )
        assert counted is not None
        return counted

    async def record(self, task_id: str) -> int:
        return sum(
            [await self.count(table, task_id) for table in ("events", "messages", "tool_calls", "inputs", "judgements")]
        )


def _record(tx: Tx, task_id: str, attempt_id: str, rows: int, blob: Blob | None) -> None:
    fact = NewEvent(task_id=task_id, user_id=USER, kind="step_finished", body=b"")
    message = {
        "message": f"msg_{task_id}",
        "task": task_id,
        "attempt": attempt_id,
        "blob": blob.sha256 if blob else None,
    }
    judgements.set_card(tx, task_id, b"what Claude said last")
    for _ in range(rows):
        event_id = events.append(tx, fact)
        tx.settle()
    tx.run(
        """
        INSERT INTO messages (
            message_id, task_id, attempt_id, event_id, role, model, stop_reason, created_time, content, content_sha256
        )
        VALUES (:message, :task, :attempt, :event, 'user', '', '', 0, x'', :blob)
        """,
        message | {"event": event_id},
    )
    tx.run("UPDATE inputs SET taken_message_id = :message WHERE task_id = :task", message)
    tx.run(
        """
        INSERT INTO tool_calls (tool_call_id, task_id, attempt_id, event_id, tool_name, created_time, input)
        VALUES ('toolu_1', :task, :attempt, :event, 'shell', 0, x'')
        """,
        message | {"event": event_id},
    )


@asynccontextmanager
async def _kept(world: World, root: Path, days: int) -> AsyncIterator[Kept]:
    folder = DataFolder(root)
    files = BlobFiles(folder.blobs)
    files.prepare()
    backups = Backups(folder, files, world.clock)
    sweep = Retention(
        world.reader, world.writer, world.clock, DURATIONS, days=days, files=BlobSweep(folder.blobs), backups=backups
    )
    yield Kept(world, folder, backups, sweep)


@pytest.fixture
async def kept(world: World, tmp_path: Path) -> AsyncIterator[Kept]:
    async with _kept(world, tmp_path, DAYS) as each:
        yield each


async def test_the_record_of_a_task_goes_once_it_is_over_for_long_enough(kept: Kept) -> None:
    old = await kept.ended()
    alive = (await kept.world.new_task()).task_id
    kept.world.clock.move(DAYS * DAY_S - 60)
    young = await kept.ended()
    await kept.sweep.sweep()
    before = {task_id: await kept.record(task_id) for task_id in (old, young, alive)}
    assert all(before.values())

    kept.world.clock.move(120)
    await kept.sweep.sweep()
    assert await kept.record(old) == 0
    assert {task_id: await kept.record(task_id) for task_id in (young, alive)} == {
        young: before[young],
        alive: before[alive],
    }
    assert (await kept.world.task(old)).status is TaskStatus.COMPLETED, "the task itself stays"


async def test_a_long_record_goes_in_pieces_and_a_sweep_that_broke_off_is_gone_on_with(kept: Kept) -> None:
    task_id = await kept.ended(rows=3 * retention.CHUNK)
    kept.world.clock.move((DAYS + 1) * DAY_S)
    before = kept.world.clock.now_us()
    sizes = [await kept.record(task_id)]
    for _ in range(6):
        assert await kept.world.writer.write(lambda tx: retention.forget(tx, task_id, before=before)) is True
        sizes.append(await kept.record(task_id))
    assert [was - now for was, now in pairwise(sizes)] == [1, 1, 1, 1, 500, 500]
    await kept.sweep.sweep()
    assert await kept.record(task_id) == 0
    assert await kept.world.reader.all(retention.over(before)) == [], "it is not looked at again"


async def test_a_task_whose_record_goes_cannot_be_continued(kept: Kept) -> None:
    task_id = await kept.ended()
    assert await kept.world.reader.one(retention.record_is_kept(task_id)) is True
    kept.world.clock.move((DAYS + 1) * DAY_S)
    await kept.sweep.sweep()
    assert await kept.world.reader.one(retention.record_is_kept(task_id)) is False
    with pytest.raises(Conflict):
        await kept.world.input(task_id, "go on")


async def test_a_task_that_was_continued_meanwhile_is_kept(kept: Kept) -> None:
    task_id = await kept.ended()
    kept.world.clock.move((DAYS + 1) * DAY_S)
    before = kept.world.clock.now_us() - DAYS * DAY_S * 1_000_000
    assert await kept.world.reader.all(retention.over(before)) == [task_id]
    await kept.world.input(task_id, "go on")
    assert await kept.world.writer.write(lambda tx: retention.forget(tx, task_id, before=before)) is False
    await kept.sweep.sweep()
    assert await kept.record(task_id) > 0


async def test_content_goes_with_the_last_record_that_refers_to_it(kept: Kept) -> None:
    shared, own = await kept.put(b"of two tasks"), await kept.put(b"of one")
    first = await kept.ended(blob=own)
    await kept.ended(blob=shared)
    kept.world.clock.move(20 * DAY_S)
    await kept.ended(blob=shared)
    kept.world.clock.move(11 * DAY_S)
    await kept.sweep.sweep()
    assert await kept.record(first) == 0
    assert (await kept.known(own), kept.file(own).exists()) == (False, False)
    assert (await kept.known(shared), kept.file(shared).exists()) == (True, True)
    kept.world.clock.move(20 * DAY_S)
    await kept.sweep.sweep()
    assert (await kept.known(shared), kept.file(shared).exists()) == (False, False)


async def test_content_that_no_event_ever_referred_to_goes_after_a_day(kept: Kept) -> None:
    put, nameless = await kept.put(b"put"), await kept.put(b"put, and then the process died", named=False)
    await kept.sweep.sweep()
    kept.world.clock.move(DAY_S - 60)
    await kept.sweep.sweep()
    assert [await kept.known(put), kept.file(put).exists(), kept.file(nameless).exists()] == [True, True, True]
    kept.world.clock.move(120)
    await kept.sweep.sweep()
    assert [await kept.known(put), kept.file(put).exists(), kept.file(nameless).exists()] == [False, False, False]


async def test_content_that_is_put_again_stays(kept: Kept) -> None:
    blob = await kept.put(b"again", named=False)
    await kept.sweep.sweep()
    kept.world.clock.move(2 * DAY_S)
    again = kept.file(blob).with_suffix(".part")
    again.write_bytes(b"again")
    again.rename(kept.file(blob))
    await kept.sweep.sweep()
    assert kept.file(blob).exists()
    kept.world.clock.move(2 * DAY_S)
    await kept.sweep.sweep()
    assert not kept.file(blob).exists(), "its own day is over too"


def test_a_file_that_came_in_the_last_moment_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    sweep = BlobSweep(tmp_path)
    name = sha256(b"x").hexdigest()
    path = tmp_path / name[:2] / name
    path.parent.mkdir()
    path.write_bytes(b"x")
    old = sweep.inodes([name])[name]
    path.rename(tmp_path / "kept so that its inode is not used again")
    path.write_bytes(b"x")
    assert sweep.remove(name, old) is False
    assert path.read_bytes() == b"x"
    assert sweep.remove(name, sweep.found()[name]) is True
    assert list(path.parent.iterdir()) == []
    assert sweep.remove(name, old) is True


async def test_while_a_backup_is_made_no_content_goes(kept: Kept) -> None:
    blob = await kept.put(b"in the backup")
    kept.world.clock.move(2 * DAY_S)
    pieces = kept.backups.pieces()
    await anext(pieces)
    await kept.sweep.sweep()
    assert (await kept.known(blob), kept.file(blob).exists()) == (True, True)
    await pieces.aclose()
    await kept.sweep.sweep()
    assert (await kept.known(blob), kept.file(blob).exists()) == (False, False)


async def test_the_audit_log_goes_by_its_age(kept: Kept) -> None:
    def note(tx: Tx) -> None:
        for _ in range(retention.CHUNK + 1):
            audit.record(tx, caller="operator", action="act", subject_id="x")

    await kept.world.writer.write(note)
    kept.world.clock.move((DAYS - 1) * DAY_S)
    await kept.world.writer.write(lambda tx: audit.record(tx, caller="operator", action="act", subject_id="y"))
    await kept.sweep.sweep()
    assert await kept.count("audit_log") == retention.CHUNK + 2
    kept.world.clock.move(2 * DAY_S)
    await kept.sweep.sweep()
    assert await kept.count("audit_log") == 1


async def test_spent_request_ids_and_sessions_that_are_over_go_after_a_week(kept: Kept) -> None:
    def session(name: str, *, refresh_days: int) -> Session:
        return Session(
            session_id=name,
            family_id=name,
            user_id=USER,
            client="",
            access_hash=f"a-{name}",
            access_expire_time=0,
            refresh_hash=f"r-{name}",
            refresh_expire_time=kept.world.clock.now_us() + refresh_days * DAY_S * 1_000_000,
        )

    def begin(tx: Tx) -> None:
        for name, days in (("ended", 100), ("run out", 0), ("alive", 100)):
            sessions.insert(tx, session(name, refresh_days=days))
        sessions.end_family(tx, "ended")
        idempotency.insert(tx, IdempotencyKey(USER, "once", "CreateTask", "h", "tsk_1"))

    await kept.world.writer.write(begin)
    kept.world.clock.move(7 * DAY_S - 60)
    await kept.sweep.sweep()
    assert (await kept.count("sessions"), await kept.count("idempotency_keys")) == (3, 1)
    kept.world.clock.move(120)
    await kept.sweep.sweep()
    names = Query("SELECT session_id FROM sessions", lambda row: str(row[0]))
    assert await kept.world.reader.all(names) == ["alive"]
    assert await kept.count("idempotency_keys") == 0


async def test_the_file_gets_smaller_by_what_went(kept: Kept) -> None:
    pages = Query("PRAGMA page_count", number)
    empty = await kept.world.reader.one(pages) or 0
    for _ in range(3):
        await kept.ended(rows=retention.CHUNK)
    full = await kept.world.reader.one(pages) or 0
    kept.world.clock.move((DAYS + 1) * DAY_S)
    await kept.sweep.sweep()
    assert (await kept.world.reader.one(pages) or 0) - empty < (full - empty) / 4
    assert await kept.world.reader.one(retention.free_pages()) == 0


async def test_for_ever_is_for_ever(world: World, tmp_path: Path) -> None:
    async with _kept(world, tmp_path, days=0) as kept:
        task_id = await kept.ended()
        await world.writer.write(lambda tx: audit.record(tx, caller="operator", action="act", subject_id="x"))
        kept.world.clock.move(100 * 365 * DAY_S)
        await kept.sweep.sweep()
        assert await kept.record(task_id) > 0
        assert await kept.count("audit_log") == 1
