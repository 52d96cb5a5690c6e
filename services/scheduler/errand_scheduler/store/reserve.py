"""A file that holds room on the disk, given up when the disk is full so that stops and ends can still be written."""

import errno
import os
import shutil
from pathlib import Path

RESERVE_BYTES = 8 * 1024 * 1024
"""The write-ahead log's usual 4 MiB can be moved into the database, and a hundred stops be written, in this."""
_SHARE_OF_DISK = 8  # a small disk is not filled by what is to keep it usable
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Reserve:
    """Of `size_bytes`, by default as the disk allows. Everything here blocks; the writer's thread uses it alone."""

    def __init__(self, path: Path, size_bytes: int | None = None) -> None:
        self._path = path
        self._size_bytes = size_bytes

    @property
    def size_bytes(self) -> int:
        """How much it holds. Raises OSError."""
        return self._size_bytes or min(RESERVE_BYTES, shutil.disk_usage(self._path.parent).total // _SHARE_OF_DISK)

    def make(self) -> bool:
        """Hold the room, if there is as much again beside it: what is only just mended would break at once."""
        try:
            self._allocate()
        except OSError:
            self.give_up()
            return False
        return True

    def give_up(self) -> None:
        """Free the room."""
        self._path.unlink(missing_ok=True)

    def disk_is_full(self) -> bool:
        """Whether it is room that lacks, where SQLite only tells that a write failed: quotas look so."""
        try:
            self._allocate()
        except OSError as exc:
            return exc.errno in _NO_ROOM
        return False

    def _allocate(self) -> None:
        size_bytes = self.size_bytes
        with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600), "wb", buffering=0) as file:
            try:
                os.posix_fallocate(file.fileno(), 0, 2 * size_bytes)
            finally:
                file.truncate(size_bytes)
