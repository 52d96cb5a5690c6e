"""Backups: whole or refused, and what was replaced is still there."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import aclosing, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from errand_common.errors import Exhausted, Unavailable
from errand_common.service import StartError
from errand_scheduler.folder import DataFolder
from errand_scheduler.keeping.archive import blob_name
from errand_scheduler.keeping.backups import Backups
from errand_scheduler.keeping.blob_files import BlobFiles
from errand_scheduler.keeping.restore_command import put_back
from errand_scheduler.store import blobs
from tests.unit.scheduler.ruined_backups import BLOB, BLOB_NAME, CONTENT, DAMAGE
from tests.unit.scheduler.world import World
from tests.unit.scheduler.world import world as open_world

NOW_US = 1_800_000_000_000_000


@dataclass(frozen=True)
class Served:
    """A scheduler's folder with a task and a blob in it, and what makes its backups."""

    world: World
    folder: DataFolder
    backups: Backups


async def serve(folder: DataFolder, world: World) -> Served:
    files = BlobFiles(folder.blobs)
    files.prepare()
    await world.new_task(prompt="before the backup")
    path = files.path(BLOB.sha256)
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    await world.writer.write(lambda tx: blobs.insert(tx, BLOB))
    return Served(world, folder, Backups(folder, files, world.clock))


async def take(served: Served, file: Path) -> Path:
    async with aclosing(served.backups.pieces()) as pieces:
        with file.open("wb") as out:
            async for piece in pieces:
                assert len(piece) <= 1024 * 1024
                out.write(piece)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.root.mkdir()
    return folder


@pytest.fixture
async def backup(folder: DataFolder, tmp_path: Path) -> Path:
    """One, of a scheduler that wrote one more task after it and was stopped."""
    async with open_world(folder.root) as world:
        served = await serve(folder, world)
        file = await take(served, tmp_path / "backup.tar")
        await world.new_task(prompt="after the backup")
    return file


def prompts(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [prompt for (prompt,) in connection.execute("SELECT prompt FROM tasks ORDER BY prompt DESC")]


def history(database: Path) -> tuple[str, int]:
    with closing(sqlite3.connect(database)) as connection:
        epoch, generation = connection.execute("SELECT epoch, generation FROM meta").fetchone()
        return epoch, generation


def put(file: Path, folder: DataFolder, epoch: str = "new") -> Path | None:
    return put_back(file, folder, now_us=NOW_US, epoch=epoch)[1]


def test_it_holds_what_was_there_and_a_history_begins_that_is_not_the_old_one(backup: Path, folder: DataFolder) -> None:
    kept = put(backup, folder)
    assert prompts(folder.database) == ["before the backup"]
    assert history(folder.database) == ("new", 1)
    assert (folder.root / blob_name(BLOB.sha256)).read_bytes() == CONTENT
    assert folder.database.stat().st_mode & 0o077 == 0
    assert kept is not None
    assert prompts(kept / "errand.db") == ["before the backup", "after the backup"]
    assert (kept / blob_name(BLOB.sha256)).read_bytes() == CONTENT
    assert not folder.restore.exists()


def test_fences_rise_above_those_of_every_history_that_there_was(backup: Path, folder: DataFolder) -> None:
    for number in range(1, 4):
        shutil.rmtree(folder.root / "before-restore-20270115T080000Z", ignore_errors=True)
        put(backup, folder, f"epoch-{number}")
        assert history(folder.database) == (f"epoch-{number}", number)


def test_it_can_be_put_where_nothing_was(backup: Path, tmp_path: Path) -> None:
    empty = DataFolder(tmp_path / "another host")
    empty.root.mkdir()
    assert put(backup, empty) is None
    assert prompts(empty.database) == ["before the backup"]
    assert (empty.root / blob_name(BLOB.sha256)).read_bytes() == CONTENT


def test_a_database_that_was_ruined_is_replaced_and_kept_with_its_log(backup: Path, folder: DataFolder) -> None:
    folder.database.write_bytes(b"ruined" * 5000)
    (folder.root / "errand.db-wal").write_bytes(b"its log")
    kept = put(backup, folder)
    assert kept is not None
    assert (kept / "errand.db").read_bytes() == b"ruined" * 5000
    assert (kept / "errand.db-wal").read_bytes() == b"its log"
    assert prompts(folder.database) == ["before the backup"]


@pytest.mark.parametrize(("damage", "found"), DAMAGE.values(), ids=DAMAGE.keys())
def test_what_is_no_whole_backup_is_refused_and_changes_nothing(
    backup: Path, folder: DataFolder, damage: Callable[[Path], None], found: str
) -> None:
    damage(backup)
    before = sorted(folder.root.rglob("*"))
    with pytest.raises(StartError, match=r"(?s)is no backup that can be restored: .*nothing was changed") as refused:
        put(backup, folder)
    assert found in str(refused.value)
    assert prompts(folder.database) == ["before the backup", "after the backup"]
    assert history(folder.database) == ("e0", 0)
    assert [path for path in sorted(folder.root.rglob("*")) if path.suffix not in (".db-wal", ".db-shm")] == [
        path for path in before if path.suffix not in (".db-wal", ".db-shm")
    ]


def test_a_file_that_is_not_there_is_named(folder: DataFolder, tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"none.tar cannot be restored .*No such file"):
        put(tmp_path / "none.tar", folder)


async def test_one_is_made_at_a_time(folder: DataFolder, tmp_path: Path) -> None:
    async with open_world(folder.root) as world:
        served = await serve(folder, world)
        first = served.backups.pieces()
        await anext(first)
        assert served.backups.under_way
        with pytest.raises(Exhausted, match="another backup is under way"):
            await take(served, tmp_path / "second.tar")
        await first.aclose()
        await take(served, tmp_path / "third.tar")
        assert not served.backups.under_way


@pytest.mark.parametrize("whole", [True, False])
async def test_nothing_is_left_of_it_here_though_who_takes_it_goes_away(
    folder: DataFolder, tmp_path: Path, whole: bool
) -> None:
    async with open_world(folder.root) as world:
        served = await serve(folder, world)
        if whole:
            await take(served, tmp_path / "backup.tar")
        else:
            pieces = served.backups.pieces()
            await anext(pieces)
            assert folder.backup.exists()
            await pieces.aclose()
        assert not folder.backup.exists()


async def test_it_is_as_of_one_moment_while_others_go_on_writing(folder: DataFolder, tmp_path: Path) -> None:
    async with open_world(folder.root) as world:
        served = await serve(folder, world)
        async with aclosing(served.backups.pieces()) as pieces:
            out = [await anext(pieces), await anext(pieces)]
            await world.new_task(prompt="while it is read")
            out += [piece async for piece in pieces]
    (tmp_path / "backup.tar").write_bytes(b"".join(out))
    put(tmp_path / "backup.tar", folder)
    assert prompts(folder.database) == ["before the backup"]


async def test_content_that_was_lost_before_does_not_stop_it_and_is_told(folder: DataFolder, tmp_path: Path) -> None:
    async with open_world(folder.root) as world:
        served = await serve(folder, world)
        (folder.root / BLOB_NAME).unlink()
        file = await take(served, tmp_path / "backup.tar")
    manifest, _ = put_back(file, folder, now_us=NOW_US, epoch="new")
    assert manifest.missing_blobs == (BLOB.sha256,)


async def test_content_that_the_disk_changed_does_not_spoil_it(folder: DataFolder, tmp_path: Path) -> None:
    async with open_world(folder.root) as world:
        served = await serve(folder, world)
        (folder.root / BLOB_NAME).write_bytes(b"x" * BLOB.size_bytes)
        file = await take(served, tmp_path / "backup.tar")
    manifest, _ = put_back(file, folder, now_us=NOW_US, epoch="new")
    assert manifest.missing_blobs == (BLOB.sha256,)


async def test_a_database_that_cannot_be_read_is_no_backup(folder: DataFolder, tmp_path: Path) -> None:
    folder.database.write_bytes(b"ruined" * 5000)
    async with open_world(tmp_path) as world:
        with pytest.raises(Unavailable, match="cannot be copied"):
            await take(Served(world, folder, Backups(folder, BlobFiles(folder.blobs), world.clock)), tmp_path / "b")
    assert not folder.backup.exists()
