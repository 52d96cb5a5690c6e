"""What a job reads as its stdin: given bit by bit as it reads, then closed."""

from __future__ import annotations

import os
import selectors
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .loop import Loop

WRITE_BYTES = 64 * 1024


class Stdin:
    """The end of a pipe that is written to. A job that has closed its own loses what it did not read."""

    def __init__(self, loop: Loop, fd: int) -> None:
        self.loop = loop
        self.fd: int | None = fd
        self.waiting = bytearray()
        self.at_end = False

    def give(self, data: bytes) -> None:
        self.waiting += data
        self.push(0)

    def end(self) -> None:
        """Closes it after what was given."""
        self.at_end = True
        self.push(0)

    def push(self, events: int) -> None:
        if self.fd is None:
            return
        try:
            while self.waiting:
                del self.waiting[: os.write(self.fd, bytes(self.waiting[:WRITE_BYTES]))]
        except BlockingIOError:
            self.loop.watch(self.fd, selectors.EVENT_WRITE, self.push)
            return
        except BrokenPipeError:
            self.at_end = True
        self.loop.forget(self.fd)
        if self.at_end:
            self.close()

    def close(self) -> None:
        self.waiting.clear()
        if self.fd is not None:
            self.loop.forget(self.fd)
            os.close(self.fd)
            self.fd = None
