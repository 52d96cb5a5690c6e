"""What stands in a segment: entries about many attempts, in the order in which they came."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_ENTRY = struct.Struct(">c30sQQ")  # kind, attempt, fence, number
_LENGTH = struct.Struct(">I")
_HELD, _TOLD, _FORGOTTEN, _STATE = b"H", b"T", b"F", b"S"
_NOBODY = ""


@dataclass(frozen=True)
class Held:
    """The runner takes an attempt; up to `acked_sequence` its events are safe with the scheduler. `kept` is what the
    next process still needs of those."""

    attempt_id: str
    fence: int
    acked_sequence: int = 0
    kept: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Told:
    """An event of an attempt."""

    attempt_id: str
    fence: int
    sequence: int
    data: bytes


@dataclass(frozen=True)
class Forgotten:
    """The attempt is over for the scheduler."""

    attempt_id: str
    fence: int


@dataclass(frozen=True)
class State:
    """Everything that is held, at the beginning of a segment: what came before counts no more, but for events after
    `acked_sequence`."""

    held: tuple[Held, ...]


Entry = Held | Told | Forgotten | State


def to_bytes(entry: Entry) -> bytes:
    """As it stands in a segment."""
    match entry:
        case Told(attempt_id, fence, sequence, data):
            return _ENTRY.pack(_TOLD, attempt_id.encode(), fence, sequence) + data
        case Held(attempt_id, fence, acked_sequence, kept):
            return _ENTRY.pack(_HELD, attempt_id.encode(), fence, acked_sequence) + _joined(kept)
        case Forgotten(attempt_id, fence):
            return _ENTRY.pack(_FORGOTTEN, attempt_id.encode(), fence, 0)
        case State(held):
            return _ENTRY.pack(_STATE, _NOBODY.encode(), 0, 0) + _joined([to_bytes(each) for each in held])


def from_bytes(data: bytes) -> Entry:
    """What `to_bytes` wrote. Raises ValueError where it did not."""
    try:
        kind, name, fence, number = _ENTRY.unpack_from(data)
        attempt_id, rest = name.decode(), data[_ENTRY.size :]
        match kind:
            case b"T":
                return Told(attempt_id, fence, number, rest)
            case b"H":
                return Held(attempt_id, fence, number, tuple(_apart(rest)))
            case b"F":
                return Forgotten(attempt_id, fence)
            case b"S":
                return State(tuple(_held(each) for each in _apart(rest)))
    except (struct.error, UnicodeDecodeError) as exc:
        raise ValueError("an entry that nobody wrote") from exc
    raise ValueError(f"an entry of kind {kind!r}, which nobody knows")


def _held(data: bytes) -> Held:
    entry = from_bytes(data)
    if not isinstance(entry, Held):
        raise ValueError("a state holds what is held, and nothing else")
    return entry


def _joined(parts: Sequence[bytes]) -> bytes:
    return b"".join(_LENGTH.pack(len(part)) + part for part in parts)


def _apart(data: bytes) -> list[bytes]:
    parts, position = [], 0
    while position < len(data):
        (length,) = _LENGTH.unpack_from(data, position)
        position += _LENGTH.size
        parts.append(data[position : position + length])
        position += length
    return parts
