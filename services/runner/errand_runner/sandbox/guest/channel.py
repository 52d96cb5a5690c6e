"""The line to the runner: frames in on stdin, frames out on stdout."""

from __future__ import annotations

import collections
import errno
import json
import os
import selectors
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .loop import Loop

    Head = dict[str, Any]
    Operation = Callable[[Head, bytes], None]

# A frame: the lengths of a json head and a body, then both.
HEADER = struct.Struct(">II")
READ_BYTES = 1024 * 1024

# A head may hold a command as long as the kernel takes it, in JSON; a body the content of a file.
HEAD_LIMIT_BYTES = 16 * 1024 * 1024
BODY_LIMIT_BYTES = 16 * 1024 * 1024

# With so much on its way, no more is asked for.
OUTGOING_BYTES = 8 * 1024 * 1024
WRITE_PARTS = 64


class LineClosed(Exception):
    """The runner is gone, or does not make sense: everything here must end."""


class Channel:
    """Neither end ever blocks the loop. What is sent goes out with the next flush."""

    def __init__(self, loop: Loop, answer: Operation) -> None:
        self.loop = loop
        self.answer = answer
        self.incoming = bytearray()
        self.outgoing: collections.deque[bytes] = collections.deque()
        self.outgoing_bytes = 0
        self.waiting = False
        os.set_blocking(0, False)
        os.set_blocking(1, False)
        loop.watch(0, selectors.EVENT_READ, self.receive)

    def receive(self, events: int) -> None:
        try:
            data = os.read(0, READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            raise LineClosed("the runner hung up")
        self.incoming += data
        at = 0
        while len(self.incoming) - at >= HEADER.size:
            head_bytes, body_bytes = HEADER.unpack_from(self.incoming, at)
            if head_bytes > HEAD_LIMIT_BYTES or body_bytes > BODY_LIMIT_BYTES:
                raise LineClosed(f"a frame claims {head_bytes} + {body_bytes} bytes")
            body_at = at + HEADER.size + head_bytes
            frame_end = body_at + body_bytes
            if len(self.incoming) < frame_end:
                break
            head = parse(bytes(self.incoming[at + HEADER.size : body_at]))
            self.answer(head, bytes(self.incoming[body_at:frame_end]))
            at = frame_end
        del self.incoming[:at]

    def send(self, head: Head, body: bytes = b"") -> None:
        text = json.dumps(head).encode()
        self.outgoing.append(HEADER.pack(len(text), len(body)) + text)
        if body:
            self.outgoing.append(body)
        self.outgoing_bytes += HEADER.size + len(text) + len(body)

    def fail(self, request: int, error: OSError, what: str = "") -> None:
        """Answers a request with an error; `what` instead of the error's own words."""
        name = errno.errorcode.get(error.errno or 0, "EIO")
        self.send({"op": "error", "id": request, "errno": name, "message": (what or str(error))[:1000]})

    def flush(self, events: int = 0) -> None:
        """Writes what the pipe takes; to be called before the loop waits."""
        try:
            while self.outgoing:
                parts = [self.outgoing[at] for at in range(min(len(self.outgoing), WRITE_PARTS))]
                self.drop(os.writev(1, parts))
        except BlockingIOError:
            pass
        except BrokenPipeError as error:
            raise LineClosed("the runner hung up") from error
        if bool(self.outgoing) != self.waiting:
            self.waiting = bool(self.outgoing)
            self.loop.watch(1, selectors.EVENT_WRITE if self.waiting else 0, self.flush)
        self.loop.watch(0, selectors.EVENT_READ if self.outgoing_bytes < OUTGOING_BYTES else 0, self.receive)

    def drop(self, written: int) -> None:
        """Forgets what was written."""
        self.outgoing_bytes -= written
        while written:
            part = self.outgoing.popleft()
            if written < len(part):
                self.outgoing.appendleft(part[written:])
                return
            written -= len(part)


def parse(text: bytes) -> Head:
    try:
        head = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LineClosed("a head is not JSON") from error
    if not isinstance(head, dict):
        raise LineClosed("a head is not a JSON object")
    return head
