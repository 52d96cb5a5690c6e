"""A data folder belongs to one process at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from errand_common.service import StartError

_LOCKS = Path("/proc/locks")


@contextmanager
def locked(folder: Path, *, service: str) -> Iterator[None]:
    """The folder, made if needed, for this process alone. Raises StartError, naming who has it.

    The folder itself is locked: no file is left by a process that is killed.
    """
    descriptor = _open(folder)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise StartError(
                f"another process ({_holder(descriptor)}) uses the data folder {folder};"
                f" is this {service} running already? Stop it, or set ERRAND_DATA to another folder"
            ) from exc
        yield
    finally:
        os.close(descriptor)


def _open(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        if os.access(folder, os.W_OK | os.X_OK):
            return descriptor
        os.close(descriptor)
        raise PermissionError(f"user id {os.getuid()} cannot write there")
    except OSError as exc:
        raise StartError(f"the data folder {folder} cannot be used ({exc}); set ERRAND_DATA to one that can") from exc


def _holder(descriptor: int) -> str:
    """Who holds the lock, as far as this host tells: processes in other containers are not listed."""
    inode = str(os.fstat(descriptor).st_ino)
    for line in _LOCKS.read_text().splitlines() if _LOCKS.exists() else ():
        # "1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF"; the device is not compared, for overlays show another.
        fields = line.split()
        if fields[1] == "FLOCK" and fields[-3].rpartition(":")[2] == inode:
            return f"process id {fields[-4]}"
    return "perhaps in a container"
