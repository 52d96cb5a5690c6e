"""Backups of everything that is kept, each as of one moment, one at a time."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from datetime import timedelta

from errand_common.clock import Clock
from errand_common.errors import Exhausted, Unavailable
from errand_common.tasks import to_the_end
from errand_scheduler.folder import DataFolder
from errand_scheduler.keeping import archive
from errand_scheduler.keeping.archive import Manifest
from errand_scheduler.keeping.blob_files import BlobFiles
from errand_scheduler.store import backup

_RETRY_AFTER = timedelta(minutes=1)


class Backups:
    """Reads the data folder of a scheduler that goes on serving."""

    def __init__(self, folder: DataFolder, files: BlobFiles, clock: Clock) -> None:
        self._folder = folder
        self._files = files
        self._clock = clock
        self._under_way = False

    @property
    def under_way(self) -> bool:
        """Whether one is being made: until it is done, no file of a blob may go."""
        return self._under_way

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The archive, in pieces of at most 1 MiB. The copy of the database that it is made from is gone afterwards,
        however it ends. Raises Exhausted while another is made or where there is no room, Unavailable."""
        if self._under_way:
            raise Exhausted("another backup is under way; come back when it is done", retry_after=_RETRY_AFTER)
        self._under_way = True
        pieces = self._made()
        try:
            while (piece := await to_the_end(asyncio.to_thread(next, pieces, None))) is not None:
                yield piece
        finally:
            pieces.close()
            self._folder.backup.unlink(missing_ok=True)
            self._under_way = False

    def _made(self) -> Generator[bytes, None, None]:
        try:
            self._folder.backup.unlink(missing_ok=True)
            now_us = self._clock.now_us()
            backup.copy(self._folder.database, self._folder.backup)
            history, known = backup.contents(self._folder.backup)
            # One that the disk changed meanwhile would have all of the backup refused when it is needed.
            there = [blob for blob in known if self._files.intact(blob)]
            left_out = {blob.sha256 for blob in known} - {blob.sha256 for blob in there}
            missing = tuple(sorted(left_out))
            manifest = Manifest(history.epoch, history.generation, created_time=now_us, missing_blobs=missing)
            members = [(archive.blob_name(blob.sha256), self._files.path(blob.sha256)) for blob in there]
            yield from archive.packed(manifest, [(archive.DATABASE, self._folder.backup), *members])
        except OSError as exc:
            raise Unavailable(f"the backup cannot be made ({exc}); look at the scheduler's disk") from exc
