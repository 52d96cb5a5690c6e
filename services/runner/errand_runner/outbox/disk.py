"""How the outbox writes its files: frames that show where a crash or a bad disk broke them, and whole files at once."""

import errno
import os
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_HEADER = struct.Struct(">II")  # length and CRC-32 of the record that follows
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def is_full(failure: OSError) -> bool:
    """Whether the same write succeeds once somebody makes room."""
    return failure.errno in _NO_ROOM


@dataclass(frozen=True)
class Piece:
    """Bytes for the end of an open file."""

    descriptor: int
    offset: int
    data: bytes


class Disk:
    """The real disk. Every method blocks."""

    room_retry_s = 3.0
    """How long until a write that found it full is tried again."""

    def append(self, pieces: list[Piece]) -> list[OSError | None]:
        """Write pieces of different files and sync them; how it went, for each. A failed one leaves nothing behind,
        or what the next write at its offset replaces."""
        # All are written before the first is synced: one commit of the file system's journal serves many of them.
        failures = [_failure(_write, piece) for piece in pieces]
        return [failure or _failure(_sync, piece) for piece, failure in zip(pieces, failures, strict=True)]

    def settle(self, path: Path) -> None:
        """Make durable what a process that was killed wrote and may not have synced. Raises OSError."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def put(self, path: Path, content: bytes) -> None:
        """Make a file with this content, whole or not at all, in a folder that may not exist yet. Raises OSError."""
        _make_folder(path.parent)
        unfinished = path.with_name(f".{path.name}")
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def frame(record: bytes) -> bytes:
    """A record as it stands in a file."""
    return _HEADER.pack(len(record), zlib.crc32(record)) + record


def frame_bytes(record: bytes) -> int:
    """How much room a record takes in a file."""
    return _HEADER.size + len(record)


def frames(data: bytes) -> list[bytes]:
    """The records at the beginning of a file, up to the first that is not whole."""
    records: list[bytes] = []
    position = 0
    while position + _HEADER.size <= len(data):
        length, checksum = _HEADER.unpack_from(data, position)
        record = data[position + _HEADER.size : position + _HEADER.size + length]
        if len(record) < length or zlib.crc32(record) != checksum:
            break
        records.append(record)
        position += frame_bytes(record)
    return records


def is_torn_end(rest: bytes, *, longest_record: int) -> bool:
    """Whether what follows the whole records is one that a crash cut off in mid-write. Else the file was damaged."""
    if len(rest) < _HEADER.size:
        return True
    length, _ = _HEADER.unpack_from(rest)
    return bool(length <= longest_record and _HEADER.size + length >= len(rest))


def sync_folder(folder: Path) -> None:
    """Make the folder's list of files durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    """Durably, with the folders above it."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        sync_folder(folder.parent)


def _failure(step: Callable[[Piece], None], piece: Piece) -> OSError | None:
    try:
        step(piece)
    except OSError as exc:
        # Where even this fails, the torn end is written over, or cut off when the file is read again.
        with suppress(OSError):
            os.ftruncate(piece.descriptor, piece.offset)
        return exc
    return None


def _write(piece: Piece) -> None:
    rest, offset = memoryview(piece.data), piece.offset
    while rest:
        written = os.pwrite(piece.descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def _sync(piece: Piece) -> None:
    os.fsync(piece.descriptor)
