"""The sandbox's only way out: a local port, carried to the broker's unix socket."""

from __future__ import annotations

import contextlib
import functools
import os
import selectors
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .loop import Loop

PIECE_BYTES = 256 * 1024


class Forwarder:
    """Listens on 127.0.0.1:port; each connection is joined to one of the socket at path."""

    def __init__(self, loop: Loop, port: int, path: str) -> None:
        self.loop = loop
        self.path = path
        # Of all links: what one reads is gone, or put aside, before another reads.
        self.space = memoryview(bytearray(PIECE_BYTES))
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # For every connection: an answer comes in pieces, and the next would wait for the last one's acknowledgement,
        # which git's side holds back for 40 ms.
        self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(128)
        self.listener.setblocking(False)
        self.spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        loop.watch(self.listener.fileno(), selectors.EVENT_READ, self.accept)

    def accept(self, events: int) -> None:
        try:
            client, _ = self.listener.accept()
        except BlockingIOError:
            return
        except OSError:
            self.turn_away()
            return
        broker = None
        try:
            broker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            broker.setblocking(False)
            client.setblocking(False)
            broker.connect(self.path)
        except OSError:
            client.close()
            if broker is not None:
                broker.close()
            return
        Link(self.loop, self.space, client, broker)

    def turn_away(self) -> None:
        """No descriptor is left for who comes. Left waiting, they would keep the loop busy with nothing."""
        os.close(self.spare)
        with contextlib.suppress(OSError):
            self.listener.accept()[0].close()
        self.spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


class Link:
    """Two joined sockets. What one does not take at once waits, and until it is taken nothing more is read for it."""

    def __init__(self, loop: Loop, space: memoryview, one: socket.socket, other: socket.socket) -> None:
        self.loop = loop
        self.space = space
        self.peer = {one: other, other: one}
        self.waits = {one: b"", other: b""}
        self.at_end: set[socket.socket] = set()
        # The same ones each time, so that the loop sees where nothing changed.
        self.callbacks = {side: functools.partial(self.move, side) for side in self.peer}
        self.watch()

    def watch(self) -> None:
        for side, peer in self.peer.items():
            events = selectors.EVENT_WRITE if self.waits[side] else 0
            if side not in self.at_end and not self.waits[peer]:
                events |= selectors.EVENT_READ
            self.loop.watch(side.fileno(), events, self.callbacks[side])

    def move(self, side: socket.socket, ready: int) -> None:
        try:
            if ready & selectors.EVENT_WRITE:
                self.push(side, self.waits[side])
            if ready & selectors.EVENT_READ:
                self.pull(side)
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if len(self.at_end) == 2 and not any(self.waits.values()):
            self.close()
        else:
            self.watch()

    def pull(self, side: socket.socket) -> None:
        size = side.recv_into(self.space)
        if not size:
            self.at_end.add(side)
        self.push(self.peer[side], self.space[:size])

    def push(self, side: socket.socket, data: bytes | memoryview) -> None:
        try:
            left = data[side.send(data) :] if data else b""
        except BlockingIOError:
            left = data
        self.waits[side] = bytes(left)
        if not left and self.peer[side] in self.at_end:
            side.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for side in self.peer:
            self.loop.forget(side.fileno())
            side.close()
