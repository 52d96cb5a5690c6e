"""Frames on the wire between the runner and a supervisor: lengths, JSON head, raw body.

What comes from a sandbox is untrusted: lengths are bounded before anything is read, fields are checked one by one.
"""

import asyncio
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

_LENGTHS = struct.Struct(">II")

# A supervisor's largest head names a path in an error; its largest body is one read.
HEAD_LIMIT_BYTES = 64 * 1024
BODY_LIMIT_BYTES = 1024 * 1024


class BrokenFrame(Exception):
    """What came is not a frame that a supervisor may send."""


@dataclass(frozen=True)
class Frame:
    """One frame; the accessors raise BrokenFrame where a field is missing or of another type."""

    head: Mapping[str, object]
    body: bytes

    def text(self, name: str) -> str:
        value = self.head.get(name)
        if not isinstance(value, str):
            raise BrokenFrame(f"field {name} is not text")
        return value

    def whole(self, name: str) -> int:
        value = self.head.get(name)
        # JSON's true is an int to Python. 63 bits hold every size and time that a kernel reports.
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 1 << 63:
            raise BrokenFrame(f"field {name} is not a whole number")
        return value

    def whole_or_none(self, name: str) -> int | None:
        return None if name in self.head and self.head[name] is None else self.whole(name)

    def flag(self, name: str) -> bool:
        value = self.head.get(name)
        if not isinstance(value, bool):
            raise BrokenFrame(f"field {name} is not true or false")
        return value

    def within(self, name: str) -> "Frame | None":
        """A field that holds fields, as a frame without a body; or null."""
        value = self.head.get(name)
        if value is None and name in self.head:
            return None
        if not isinstance(value, dict):
            raise BrokenFrame(f"field {name} holds no fields")
        return Frame(value, b"")

    def each(self, name: str) -> "list[Frame]":
        """A field that holds a list of such."""
        value = self.head.get(name)
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise BrokenFrame(f"field {name} is not a list of fields")
        return [Frame(one, b"") for one in value]

    def duration_s(self, name: str) -> float:
        value = self.head.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BrokenFrame(f"field {name} is not a number")
        if not 0 <= value < 1e9 or not math.isfinite(value):
            raise BrokenFrame(f"field {name} is not a duration")
        return float(value)


def encode(head: Mapping[str, object], body: bytes = b"") -> bytes:
    """The bytes of one frame."""
    text = json.dumps(head).encode()
    return _LENGTHS.pack(len(text), len(body)) + text + body


async def read(reader: asyncio.StreamReader) -> Frame:
    """The next frame. Raises BrokenFrame, or EOFError at the end of the stream."""
    head_bytes, body_bytes = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    if head_bytes > HEAD_LIMIT_BYTES or body_bytes > BODY_LIMIT_BYTES:
        raise BrokenFrame(f"a frame claims {head_bytes} + {body_bytes} bytes")
    text = await reader.readexactly(head_bytes)
    return Frame(parse(text), await reader.readexactly(body_bytes))


def parse(text: bytes) -> dict[str, object]:
    """The fields that a head holds. Raises BrokenFrame."""
    try:
        head = json.loads(text)
    # RecursionError: thousands of open brackets fit into a head.
    except (ValueError, RecursionError) as exc:
        raise BrokenFrame("a head is not JSON") from exc
    if not isinstance(head, dict):
        raise BrokenFrame("a head is not a JSON object")
    return head
