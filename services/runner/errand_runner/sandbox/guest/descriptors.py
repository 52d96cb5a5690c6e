"""File descriptors: drained, closed."""

from __future__ import annotations

import contextlib
import os


def read_all(fd: int, limit_bytes: int = 4096) -> bytes:
    """What can be read without blocking, up to about the limit; `fd` must be set so. Of whoever is gone, nothing."""
    data = b""
    try:
        while len(data) < limit_bytes:
            more = os.read(fd, 4096)
            data += more
            if not more:
                break
    except (BlockingIOError, ConnectionResetError):
        pass
    return data


def read_whole(fd: int) -> bytes:
    """A file from its beginning, wherever its offset stands."""
    return os.pread(fd, os.fstat(fd).st_size, 0)


def write_whole(fd: int, data: bytes) -> None:
    at = 0
    while at < len(data):
        at += os.write(fd, data[at:])


def keep_only(fds: tuple[int, ...]) -> None:
    """Closes every other descriptor: a copy of a pipe would keep it open after its owner closed it."""
    close_all([int(name) for name in os.listdir("/proc/self/fd") if int(name) not in fds])


def close_all(fds: list[int]) -> None:
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)
