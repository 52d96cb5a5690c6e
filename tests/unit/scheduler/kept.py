"""A store with its folder, and the sweep that lets go of what is old."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from errand_scheduler.folder import DataFolder
from errand_scheduler.keeping.backups import Backups
from errand_scheduler.keeping.blob_files import BlobFiles
from errand_scheduler.keeping.blob_sweep import BlobSweep
from errand_scheduler.keeping.retention import Retention
from errand_scheduler.store import blobs, events, judgements
from errand_scheduler.store.blobs import Blob
from errand_scheduler.store.events import NewEvent
from errand_scheduler.store.query import Query, number
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
async def open_kept(world: World, root: Path, *, days: int = DAYS) -> AsyncIterator[Kept]:
    folder = DataFolder(root)
    files = BlobFiles(folder.blobs)
    files.prepare()
    backups = Backups(folder, files, world.clock)
    sweep = Retention(
        world.reader, world.writer, world.clock, DURATIONS, days=days, files=BlobSweep(folder.blobs), backups=backups
    )
    yield Kept(world, folder, backups, sweep)
