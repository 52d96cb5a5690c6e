"""Files: read, written, looked at."""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .channel import Channel, Head

READ_LIMIT_BYTES = 1024 * 1024


class Files:
    """The operations on files; an OSError is the answer to a refused one."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    def read(self, head: Head, body: bytes) -> None:
        fd = open_regular(head["path"])
        try:
            data = os.pread(fd, min(head["max"], READ_LIMIT_BYTES), head["offset"])
        finally:
            os.close(fd)
        self.channel.send({"op": "ok", "id": head["id"]}, data)

    def write(self, head: Head, body: bytes) -> None:
        # Through a link, the file that it names is replaced, not the link.
        path = os.path.realpath(head["path"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        replace_file(path, body, head["mode"])
        self.channel.send({"op": "ok", "id": head["id"]})

    def stat(self, head: Head, body: bytes) -> None:
        found = os.stat(head["path"])
        is_dir = stat.S_ISDIR(found.st_mode)
        self.channel.send(
            {"op": "ok", "id": head["id"], "size": found.st_size, "mtime_ns": found.st_mtime_ns, "is_dir": is_dir}
        )


def open_regular(path: str) -> int:
    """Opens for reading; a pipe or device could block the loop and is refused."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(fd).st_mode
    if stat.S_ISREG(mode):
        return fd
    os.close(fd)
    number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
    raise OSError(number, "not a regular file", path)


def replace_file(path: str, data: bytes, mode: int) -> None:
    """Writes beside the file, then renames: a reader sees the old or the new. An existing file keeps its mode."""
    try:
        found = os.stat(path).st_mode
        if not stat.S_ISREG(found):
            raise OSError(errno.EISDIR if stat.S_ISDIR(found) else errno.EINVAL, "not a regular file", path)
        mode = stat.S_IMODE(found)
    except FileNotFoundError:
        pass
    beside = os.path.join(os.path.dirname(path), f".errand-{os.getpid()}-{time.monotonic_ns()}.tmp")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
        os.replace(beside, path)
    except OSError:
        if os.path.lexists(beside):
            os.unlink(beside)
        raise
