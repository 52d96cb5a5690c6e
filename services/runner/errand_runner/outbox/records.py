"""One event of an attempt as the outbox has it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """An event as it lies on the disk, its number, the blobs that it refers to, the bytes of both, and what of it is
    still needed once it is acknowledged."""

    data: bytes
    sequence: int
    blobs: tuple[str, ...]
    size_bytes: int
    lasting: bytes = b""
