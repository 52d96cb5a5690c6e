"""A job's two output streams, on their way to the runner."""

from __future__ import annotations

import functools
import os
import selectors
from typing import TYPE_CHECKING

from .tail import Tail

if TYPE_CHECKING:
    from collections.abc import Callable

    from .channel import Channel
    from .kept import Kept
    from .loop import Loop

CHUNK_BYTES = 128 * 1024

# What a frame of output costs beside its bytes: a job that writes single bytes must fill its window too.
FRAME_COST_BYTES = 256


class Outlet:
    """Forwards what comes as far as the window lets it; `moved` is called after each piece, and at an end.

    An output that is kept goes out only up to `live` bytes, then at its end a word on the gap and the tail: it never
    waits for the runner in between. With no `live` bytes at all, nothing goes out.
    """

    def __init__(
        self,
        loop: Loop,
        channel: Channel,
        job: int,
        streams: dict[int, int],
        *,
        window: int,
        kept: Kept | None,
        live: int,
        moved: Callable[[], None],
    ) -> None:
        self.loop = loop
        self.channel = channel
        self.job = job
        self.streams = streams
        self.window = window
        self.kept = kept
        self.live = live
        self.unheard = live <= 0
        self.moved = moved
        self.discarding = False
        self.tail = Tail()
        self.watch()

    @property
    def flowing(self) -> bool:
        """Whether what comes is taken."""
        return self.window > 0 or self.discarding or self.hidden

    @property
    def hidden(self) -> bool:
        return self.kept is not None and self.live <= 0

    def watch(self) -> None:
        readable = selectors.EVENT_READ if self.flowing else 0
        for fd in self.streams:
            self.loop.watch(fd, readable, functools.partial(self.forward, fd))

    def forward(self, fd: int, events: int) -> None:
        self.take(fd)
        self.moved()

    def take(self, fd: int) -> None:
        most = CHUNK_BYTES
        if not (self.discarding or self.hidden):
            most = max(1, min(CHUNK_BYTES, self.window, self.live if self.kept else CHUNK_BYTES))
        try:
            data = os.read(fd, most)
        except BlockingIOError:
            return
        if not data:
            self.close_stream(fd)
            return
        if self.kept:
            self.kept.take(data)
        if self.discarding:
            return
        if self.hidden:
            self.tail.take(self.streams[fd], data)
        else:
            self.live -= len(data)
            self.show(self.streams[fd], data)

    def show(self, stream: int, data: bytes) -> None:
        self.window -= len(data) + FRAME_COST_BYTES
        self.channel.send({"op": "out", "id": self.job, "fd": stream}, data)
        if not self.flowing:
            self.watch()

    def widen(self, size: int) -> None:
        was_shut = not self.flowing
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

    def show_tail(self) -> bool:
        """Sends the end of what was hidden, as far as the window lets it. False while some is left."""
        if self.discarding or self.unheard:
            return True
        if self.tail.gone_bytes and self.window > 0:
            self.window -= FRAME_COST_BYTES
            gap = {"op": "gap", "id": self.job, "bytes": self.tail.gone_bytes, "lines": self.tail.gone_lines}
            self.channel.send(gap)
            self.tail.gone_bytes = 0
        while self.tail.pieces and self.window > 0:
            stream, data = self.tail.pieces.popleft()
            self.show(stream, bytes(data))
        return not self.tail.pieces and not self.tail.gone_bytes

    def close(self) -> None:
        for fd in list(self.streams):
            self.close_stream(fd)

    def close_stream(self, fd: int) -> None:
        self.loop.forget(fd)
        os.close(fd)
        del self.streams[fd]
