"""File descriptors: opened, drained, closed."""

from __future__ import annotations

import contextlib
import os


def open_stdin(body: bytes) -> int:
    """What a command reads as its stdin: the bytes, or nothing."""
    if not body:
        return os.open(os.devnull, os.O_RDONLY)
    fd = os.memfd_create("stdin")
    with open(fd, "wb", closefd=False) as file:
        file.write(body)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def read_all(fd: int) -> bytes:
    """Everything that can be read without blocking; `fd` must be set so."""
    data = b""
    try:
        while True:
            more = os.read(fd, 4096)
            data += more
            if not more:
                return data
    except BlockingIOError:
        return data


def open_fds() -> list[int]:
    return [int(name) for name in os.listdir("/proc/self/fd")]


def close_all(fds: list[int]) -> None:
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)
