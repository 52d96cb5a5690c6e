"""The line to the runner: frames in on stdin, frames out on stdout."""

from __future__ import annotations

import errno
import json
import os
import selectors
import struct
from typing import TYPE_CHECKING

from .tree import kill_tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from .loop import Loop

    Head = dict[str, Any]
    Operation = Callable[[Head, bytes], None]

# A frame: the lengths of a json head and a body, then both.
HEADER = struct.Struct(">II")
READ_BYTES = 1024 * 1024
WRITE_BYTES = 256 * 1024


class Channel:
    """Neither end ever blocks the loop; when the runner is gone, so is everything here."""

    def __init__(self, loop: Loop, answer: Operation) -> None:
        self.loop = loop
        self.answer = answer
        self.incoming = bytearray()
        self.outgoing = bytearray()
        os.set_blocking(0, False)
        os.set_blocking(1, False)
        loop.watch(0, selectors.EVENT_READ, self.receive)

    def receive(self, events: int) -> None:
        try:
            data = os.read(0, READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            end()
        self.incoming += data
        while len(self.incoming) >= HEADER.size:
            head_bytes, body_bytes = HEADER.unpack_from(self.incoming)
            body_at = HEADER.size + head_bytes
            frame_end = body_at + body_bytes
            if len(self.incoming) < frame_end:
                return
            head = json.loads(bytes(self.incoming[HEADER.size : body_at]))
            body = bytes(self.incoming[body_at:frame_end])
            del self.incoming[:frame_end]
            self.answer(head, body)

    def send(self, head: Head, body: bytes = b"") -> None:
        text = json.dumps(head).encode()
        self.outgoing += HEADER.pack(len(text), len(body)) + text + body
        self.flush(0)

    def fail(self, request: int, error: OSError, what: str = "") -> None:
        """Answers a request with an error; `what` instead of the error's own words."""
        name = errno.errorcode.get(error.errno or 0, "EIO")
        self.send({"op": "error", "id": request, "errno": name, "message": (what or str(error))[:1000]})

    def flush(self, events: int) -> None:
        try:
            while self.outgoing:
                # A copy of a slice: a bytearray cannot shrink while a view of it lives.
                del self.outgoing[: os.write(1, bytes(self.outgoing[:WRITE_BYTES]))]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            end()
        self.loop.watch(1, selectors.EVENT_WRITE if self.outgoing else 0, self.flush)


def end() -> NoReturn:
    """Ends the supervisor with every process below it."""
    kill_tree(os.getpid())
    os._exit(0)
