"""`errand-scheduler restore FILE`: puts a backup in the place of what the data folder holds, while nothing serves."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from errand_common.clock import Clock, to_datetime
from errand_common.service import StartError
from errand_scheduler.config import SchedulerSettings
from errand_scheduler.folder import DataFolder, locked
from errand_scheduler.keeping import archive
from errand_scheduler.keeping.archive import DATABASE, Manifest, NotABackup
from errand_scheduler.store import backup
from errand_scheduler.store.backup import NotADatabase
from errand_scheduler.store.meta import Meta


async def restore(settings: SchedulerSettings, file: Path) -> int:
    """Restore it, and say so. Returns 0. Raises StartError, with nothing changed, for what is no backup or while a
    scheduler runs."""
    clock = Clock()
    with locked(settings.data) as folder:
        manifest, kept = put_back(file, folder, now_us=clock.now_us(), epoch=secrets.token_hex(4))
    made = to_datetime(manifest.created_time).strftime("%Y-%m-%d %H:%M UTC")
    print(f"{settings.data} is as it was on {made}; start the scheduler")
    if kept is not None:
        print(f"what it held until now is in {kept}; delete that once all is well")
    if manifest.missing_blobs:
        print(f"{len(manifest.missing_blobs)} pieces of long content were lost already when the backup was made")
    return 0


def put_back(file: Path, folder: DataFolder, *, now_us: int, epoch: str) -> tuple[Manifest, Path | None]:
    """Put the backup in place, as a history of its own: cursors of before are reset, fences of before are void.

    Returns what the backup says of itself, and where that is kept which it replaced, if there was anything. Raises
    StartError; until the last step, which is one rename, nothing is changed.
    """
    with _refusing(file), _scratch(folder) as scratch:
        manifest = archive.unpack(file, scratch)
        database = scratch / DATABASE
        if not database.exists():
            raise NotABackup(f"it holds no {DATABASE}")
        backup.check(database)
        history, known = backup.contents(database)
        archive.check_blobs(manifest, known, scratch)
        with _keeping(folder, now_us) as kept:
            generation = max(history.generation, _generation(folder)) + 1
            backup.begin_anew(database, Meta(epoch=epoch, generation=generation), now_us=now_us)
            database.chmod(0o600)
            _lay_blobs(scratch / "blobs", folder.blobs)
            _sync(database)
            for log in _logs(folder):
                log.unlink()  # of another database: it would ruin the one that comes
            database.replace(folder.database)
            _sync(folder.root)
        return manifest, kept


@contextmanager
def _refusing(file: Path) -> Iterator[None]:
    try:
        yield
    except (NotABackup, NotADatabase) as exc:
        raise StartError(f"{file} is no backup that can be restored: {exc}; nothing was changed") from exc
    except OSError as exc:
        raise StartError(f"{file} cannot be restored ({exc}); nothing was changed") from exc


@contextmanager
def _scratch(folder: DataFolder) -> Iterator[Path]:
    """On the disk of the data folder, so that what lies in it can be moved in one step."""
    folder.clear()
    folder.restore.mkdir(mode=0o700)
    try:
        yield folder.restore
    finally:
        shutil.rmtree(folder.restore, ignore_errors=True)


@contextmanager
def _keeping(folder: DataFolder, now_us: int) -> Iterator[Path | None]:
    """A second name for everything that is there, before the first one is given away; none where nothing is."""
    if not folder.database.exists():
        yield None
        return
    kept = folder.kept(to_datetime(now_us).strftime("%Y%m%dT%H%M%SZ"))
    kept.mkdir(mode=0o700)
    try:
        for each in (folder.database, *_logs(folder)):
            os.link(each, kept / each.name)
        if folder.blobs.exists():
            shutil.copytree(folder.blobs, kept / folder.blobs.name, copy_function=os.link)
        yield kept
    except BaseException:
        shutil.rmtree(kept)
        raise


def _generation(folder: DataFolder) -> int:
    """That of what is replaced: fences rise above those too, even of a history that the backup knows nothing of."""
    try:
        if folder.database.exists() and backup.settle(folder.database):
            return backup.contents(folder.database)[0].generation
        return 0
    except NotADatabase:
        return 0


def _logs(folder: DataFolder) -> list[Path]:
    names = (f"{folder.database.name}{ending}" for ending in ("-wal", "-shm"))
    return [log for name in names if (log := folder.root / name).exists()]


def _lay_blobs(unpacked: Path, blobs: Path) -> None:
    """Beside those that are there: a blob's name is its content."""
    for blob in unpacked.glob("*/*"):
        target = blobs / blob.parent.name / blob.name
        target.parent.mkdir(parents=True, exist_ok=True)
        _sync(blob)
        blob.replace(target)
        _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
