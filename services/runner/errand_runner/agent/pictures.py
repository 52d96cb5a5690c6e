"""Pictures for Claude: known by their first bytes, measured by their header, whole to the end.

One that Claude's API cannot take would be refused again with every later request: none that is doubtful is sent.
"""

import struct
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from errand_runner.agent.blocks import Block

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

# Start-of-frame markers of JPEG, which hold the size; three of their range are something else.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_END_OF_IMAGE = b"\xff\xd9"
_START_OF_SCAN = 0xDA


class BrokenPicture(ValueError):
    """It begins as a picture and is none, or not all of one; the message says what is wrong."""


@dataclass(frozen=True)
class Picture:
    """A picture's bytes, with what they are."""

    media_type: str
    width: int
    height: int
    data: bytes

    @property
    def side(self) -> int:
        """The longer one, in pixels."""
        return max(self.width, self.height)

    @property
    def wire_bytes(self) -> int:
        """How long it is as Claude is sent it, in base64."""
        return -(-len(self.data) // 3) * 4

    def block(self) -> Block:
        """The content block that carries it."""
        source = {"type": "base64", "media_type": self.media_type, "data": b64encode(self.data).decode()}
        return {"type": "image", "source": source}


def media_type_of(beginning: bytes) -> str | None:
    """What kind of picture begins so, by its first 12 bytes; None: none that Claude can see."""
    if beginning.startswith(PNG_MAGIC):
        return "image/png"
    if beginning.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if beginning.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if beginning.startswith(b"RIFF") and beginning[8:12] == b"WEBP":
        return "image/webp"
    return None


def picture_of(data: bytes, media_type: str) -> Picture:
    """Measures it. Raises BrokenPicture."""
    try:
        width, height = _MEASURES[media_type](data)
    except (struct.error, IndexError) as exc:
        raise BrokenPicture("it ends within its header") from exc
    if not (width and height):
        raise BrokenPicture(f"it is {width} × {height} pixels large")
    return Picture(media_type, width, height, data)


def _png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    at, kind = len(PNG_MAGIC), b""
    while kind != b"IEND":
        if at >= len(data):
            raise BrokenPicture("it is cut off")
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 4 : at + 8 + size]
        if at == len(PNG_MAGIC) and (kind, size) != (b"IHDR", 13):
            raise BrokenPicture("it does not begin with its header")
        if len(body) < 4 + size or len(data) < at + 12 + size:
            raise BrokenPicture("it is cut off")
        if zlib.crc32(body) != struct.unpack_from(">I", data, at + 8 + size)[0]:
            raise BrokenPicture("a checksum in it is wrong")
        at += 12 + size
    return width, height


def _jpeg(data: bytes) -> tuple[int, int]:
    size, at = (0, 0), 2
    while True:
        if data[at] != 0xFF:
            raise BrokenPicture("a marker is missing in it")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height)
        if marker == _START_OF_SCAN:
            break
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    if data.find(_END_OF_IMAGE, at) < 0:
        raise BrokenPicture("it is cut off")
    return size


def _gif(data: bytes) -> tuple[int, int]:
    if not data.rstrip(b"\0").endswith(b";"):
        raise BrokenPicture("it is cut off")
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _webp(data: bytes) -> tuple[int, int]:
    if struct.unpack_from("<I", data, 4)[0] + 8 > len(data):
        raise BrokenPicture("it is cut off")
    match data[12:16]:
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            bits = struct.unpack_from("<I", data, 21)[0]
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    raise BrokenPicture("it has no frame")


_MEASURES: Mapping[str, Callable[[bytes], tuple[int, int]]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/gif": _gif,
    "image/webp": _webp,
}
