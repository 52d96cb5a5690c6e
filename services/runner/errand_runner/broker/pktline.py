"""Git's pkt-lines: four hex digits of length, then the line (gitprotocol-common)."""

from collections.abc import Awaitable, Callable, Iterable

FLUSH = b"0000"
_LARGEST = 65520

ReadExactly = Callable[[int], Awaitable[bytes]]


class Malformed(Exception):
    """The bytes are no pkt-lines, or more of them than is allowed."""


async def read_section(read_exactly: ReadExactly, *, limit_bytes: int) -> tuple[list[bytes], bytes]:
    """Lines up to the first flush, and all the bytes read, the flush included; not a byte beyond it is read."""
    lines: list[bytes] = []
    raw = bytearray()
    while True:
        length = await read_exactly(4)
        raw += length
        size = _size(length)
        if size == 0:
            return lines, bytes(raw)
        if len(raw) + size - 4 > limit_bytes:
            raise Malformed(f"more than {limit_bytes} bytes before the first flush")
        line = await read_exactly(size - 4)
        raw += line
        lines.append(line)


async def read_line(read_exactly: ReadExactly) -> bytes | None:
    """The next line; None for a flush. Raises Malformed."""
    size = _size(await read_exactly(4))
    return await read_exactly(size - 4) if size else None


def encode(line: bytes) -> bytes:
    """One pkt-line."""
    if len(line) + 4 > _LARGEST:
        raise ValueError(f"{len(line)} bytes are too many for one pkt-line")
    return b"%04x" % (len(line) + 4) + line


def encode_section(lines: Iterable[bytes]) -> bytes:
    """Lines and the flush after them."""
    return b"".join(encode(line) for line in lines) + FLUSH


def _size(length: bytes) -> int:
    # int() would also take signs, spaces and underscores.
    if not all(digit in b"0123456789abcdefABCDEF" for digit in length):
        raise Malformed(f"{length!r} is not a length")
    size = int(length, 16)
    # 1 to 3 are delimiters of protocol version 2, which has no push; 4 is an empty line, which nobody sends.
    if 0 < size < 5 or size > _LARGEST:
        raise Malformed(f"a line of length {size}")
    return size
