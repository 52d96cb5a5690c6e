"""The last bytes of an output that was too long to be shown whole."""

from __future__ import annotations

import collections

TAIL_BYTES = 256 * 1024
PIECE_BYTES = 64 * 1024


class Tail:
    """Takes bytes of both streams in their order, and counts what it lets go of."""

    def __init__(self) -> None:
        self.pieces: collections.deque[tuple[int, bytearray]] = collections.deque()
        self.held_bytes = 0
        self.gone_bytes = 0
        self.gone_lines = 0

    def take(self, fd: int, data: bytes) -> None:
        # Small ones are joined: a frame for each would cost more than it carries.
        if self.pieces and self.pieces[-1][0] == fd and len(self.pieces[-1][1]) + len(data) <= PIECE_BYTES:
            self.pieces[-1][1].extend(data)
        else:
            self.pieces.append((fd, bytearray(data)))
        self.held_bytes += len(data)
        while self.held_bytes > TAIL_BYTES:
            self.shorten(self.held_bytes - TAIL_BYTES)

    def shorten(self, size: int) -> None:
        first = self.pieces[0][1]
        gone = first[:size]
        if len(gone) == len(first):
            self.pieces.popleft()
        else:
            del first[:size]
        self.held_bytes -= len(gone)
        self.gone_bytes += len(gone)
        self.gone_lines += gone.count(b"\n")

    def read(self, offset: int, end: int, most: int) -> tuple[int, bytes]:
        """What is held of an output that is `end` bytes long, from the offset or later: where it begins, and bytes."""
        begin = max(offset, end - self.held_bytes)
        held = b"".join(bytes(piece) for _, piece in self.pieces)
        return begin, held[begin - (end - self.held_bytes) :][:most]
