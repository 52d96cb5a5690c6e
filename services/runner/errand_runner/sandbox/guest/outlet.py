"""A job's two output streams, on their way to the runner."""

from __future__ import annotations

import functools
import os
import selectors
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .channel import Channel
    from .loop import Loop

CHUNK_BYTES = 128 * 1024

# What a frame of output costs beside its bytes: a job that writes single bytes must fill its window too.
FRAME_COST_BYTES = 256


class Outlet:
    """Forwards what comes as far as the window lets it; `moved` is called after each piece, and at an end."""

    def __init__(
        self, loop: Loop, channel: Channel, job: int, *, window: int, streams: dict[int, int], moved: Callable[[], None]
    ) -> None:
        self.loop = loop
        self.channel = channel
        self.job = job
        self.window = window
        self.streams = streams
        self.moved = moved
        self.discarding = False
        self.watch()

    @property
    def flowing(self) -> bool:
        """Whether somebody takes what comes."""
        return self.window > 0 or self.discarding

    def watch(self) -> None:
        readable = selectors.EVENT_READ if self.flowing else 0
        for fd in self.streams:
            self.loop.watch(fd, readable, functools.partial(self.forward, fd))

    def forward(self, fd: int, events: int) -> None:
        self.take(fd)
        self.moved()

    def take(self, fd: int) -> None:
        try:
            data = os.read(fd, CHUNK_BYTES if self.discarding else max(1, min(CHUNK_BYTES, self.window)))
        except BlockingIOError:
            return
        if not data:
            self.close_stream(fd)
        elif not self.discarding:
            self.window -= len(data) + FRAME_COST_BYTES
            self.channel.send({"op": "out", "id": self.job, "fd": self.streams[fd]}, data)
            if self.window <= 0:
                self.watch()

    def widen(self, size: int) -> None:
        was_shut = self.window <= 0
        self.window += size
        if was_shut:
            self.watch()

    def discard(self) -> None:
        """Drops what still comes."""
        self.discarding = True
        self.watch()

    def drain(self) -> None:
        """Takes what the pipes hold, once nobody is left to write: the bytes, then the end."""
        for fd in list(self.streams) * 2:
            if self.flowing and fd in self.streams:
                self.take(fd)

    def close(self) -> None:
        for fd in list(self.streams):
            self.close_stream(fd)

    def close_stream(self, fd: int) -> None:
        self.loop.forget(fd)
        os.close(fd)
        del self.streams[fd]
