"""Copies of the scheduler's data that are put back later, by the code that does it for operators."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from errand_scheduler.folder import DataFolder
from errand_scheduler.keeping import archive, restore_command
from errand_scheduler.keeping.archive import DATABASE, Manifest, blob_name
from errand_scheduler.keeping.blob_files import BlobFiles
from errand_scheduler.store import backup
from tests.sim.scheduler_host import SchedulerHost


class Backups:
    """The last copy, and how it gets back."""

    def __init__(self, scheduler: SchedulerHost, folder: Path) -> None:
        self._scheduler, self._folder = scheduler, DataFolder(folder)
        self._file = folder / "backup.tar"
        self._epochs = 0

    @property
    def made(self) -> bool:
        """Whether there is a copy."""
        return self._file.exists()

    def make(self) -> None:
        """Copy what is committed now."""
        database, files = self._folder.backup, BlobFiles(self._folder.blobs)
        database.write_bytes(self._scheduler.connection.serialize())
        history, known = backup.contents(database)
        members = [(DATABASE, database)]
        members += [(blob_name(blob.sha256), files.path(blob.sha256)) for blob in known if files.intact(blob)]
        manifest = Manifest(
            epoch=history.epoch,
            generation=history.generation,
            created_time=self._scheduler.clock.now_us(),
            missing_blobs=tuple(blob.sha256 for blob in known if not files.intact(blob)),
        )
        with self._file.open("wb") as file:
            file.writelines(archive.packed(manifest, members))
        database.unlink()

    def put_back(self) -> None:
        """Have the copy take the place of what there is."""
        self._epochs += 1
        connection, folder = self._scheduler.connection, self._folder
        folder.database.write_bytes(connection.serialize())
        now_us = self._scheduler.clock.now_us()
        _, kept = restore_command.put_back(self._file, folder, now_us=now_us, epoch=f"e{self._epochs}")
        with closing(sqlite3.connect(folder.database)) as restored:
            restored.execute("PRAGMA journal_mode = DELETE")  # memory has no write-ahead log
            restored.backup(connection)
        folder.database.unlink()
        if kept is not None:
            shutil.rmtree(kept)
