"""What the outbox does to the disk: every step returns when it is durable."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from errand_common.durable import put, sync_folder

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def is_full(failure: OSError) -> bool:
    """Whether the same write succeeds once somebody makes room."""
    return failure.errno in _NO_ROOM


class Disk:
    """The real disk. Every method blocks, and raises OSError."""

    room_retry_s = 3.0
    """How long until a write that found it full is tried again."""

    def append(self, descriptor: int, offset: int, data: bytes) -> None:
        """Write to the end of a file and sync it. Where it fails, what it leaves is written over by the next one."""
        try:
            _write(descriptor, offset, data)
            os.fsync(descriptor)
        except OSError:
            # Where even this fails, what is torn shows when the file is read again.
            with suppress(OSError):
                os.ftruncate(descriptor, offset)
            raise

    def settle(self, path: Path) -> None:
        """Make durable what a process that was killed wrote and may not have synced."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def put(self, path: Path, content: bytes) -> None:
        """Make a file with this content, whole or not at all, in a folder that may not exist yet."""
        _make_folder(path.parent)
        put(path, content)


def _make_folder(folder: Path) -> None:
    """Durably, with the folders above it."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        sync_folder(folder.parent)


def _write(descriptor: int, offset: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written
