"""What an earlier process left in the segments; what cannot be trusted is left out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from google.protobuf.message import DecodeError

from errand.v1.runner_pb2 import AttemptEvent
from errand_runner.outbox.blobs import blobs_of
from errand_runner.outbox.entries import Entry, Forgotten, Held, State, Told, from_bytes
from errand_runner.outbox.frames import frames, is_torn
from errand_runner.outbox.lasting import lasting
from errand_runner.outbox.records import Record
from errand_runner.outbox.segments import number_of

EVENT_BYTES = 1024 * 1024
"""The largest event with the content that it carries itself (ARCHITECTURE.md, Bounds)."""

_Key = tuple[str, int]  # attempt, fence
_WRITE_BYTES = 1 << 30  # the longest frame, a state, by far


@dataclass
class Recovered:
    """An attempt, with its events that may not be with the scheduler yet, and the segment in which each stands."""

    held: Held
    records: list[Record] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)

    @property
    def last_sequence(self) -> int:
        """The last event that is there."""
        return self.held.acked_sequence + len(self.records)


def recover(segments: Sequence[Path], *, settle: Callable[[Path], None]) -> dict[str, Recovered]:
    """What is held, by attempt, with its events in order and without a hole. `settle` makes a segment durable: what is
    sent from it must still be there after a loss of power.

    A torn end, from a crash in mid-write, was never acted on. After an entry that a bad disk changed nothing of that
    segment is trusted: the scheduler decides by the last number that is left whether the attempt can go on.
    """
    entries = [(number_of(path), entry) for path in segments for entry in _entries(path, settle)]
    # What was acknowledged went with its segment: only the newest state says from where on the others go on.
    newest = {_key(each): each for _, entry in entries if isinstance(entry, State) for each in entry.held}
    found: dict[str, Recovered] = {}
    for segment, entry in entries:
        _follow(found, entry, segment, newest)
    return found


def _follow(found: dict[str, Recovered], entry: Entry, segment: int, newest: Mapping[_Key, Held]) -> None:
    match entry:
        case State(held):
            before = dict(found)
            found.clear()
            found.update({each.attempt_id: _gone_on(before.get(each.attempt_id), newest[_key(each)]) for each in held})
        case Held(attempt_id):
            found[attempt_id] = Recovered(newest.get(_key(entry), entry))
        case Forgotten(attempt_id, fence):
            if (attempt := found.get(attempt_id)) is not None and attempt.held.fence == fence:
                del found[attempt_id]
        case Told(attempt_id, fence, sequence, data):
            attempt = found.get(attempt_id)
            if attempt is not None and attempt.held.fence == fence and sequence == attempt.last_sequence + 1:
                attempt.records.append(_record(data))
                attempt.segments.append(segment)


def _gone_on(before: Recovered | None, held: Held) -> Recovered:
    """What came before a state."""
    return before if before is not None and before.held.fence == held.fence else Recovered(held)


def _key(held: Held) -> _Key:
    return held.attempt_id, held.fence


def _entries(path: Path, settle: Callable[[Path], None]) -> list[Entry]:
    """The entries of a segment, up to the first that is not what was written; none without its state."""
    try:
        settle(path)
        whole, rest = frames(path.read_bytes())
    except OSError as exc:
        _report_damage(path, f"it cannot be read: {exc.strerror}")
        return []
    entries: list[Entry] = []
    for data in whole:
        try:
            entries.append(_checked(from_bytes(data)))
        except (ValueError, DecodeError):
            break
    if len(entries) < len(whole) or not is_torn(rest, longest_bytes=_WRITE_BYTES):
        _report_damage(path, f"what follows entry {len(entries)} is not what was written")
    return entries if entries and isinstance(entries[0], State) else []


def _report_damage(path: Path, found: str) -> None:
    advice = "check the disk that holds ERRAND_DATA"
    structlog.get_logger().error("outbox_damaged", file=path.name, found=found, advice=advice)


def _checked(entry: Entry) -> Entry:
    """Raises ValueError, DecodeError."""
    if isinstance(entry, Told) and AttemptEvent.FromString(entry.data).sequence != entry.sequence:
        raise ValueError("an event under another's number")
    return entry


def _record(data: bytes) -> Record:
    event = AttemptEvent.FromString(data)
    blobs = blobs_of(event)
    size_bytes = len(data) + sum(blob.size_bytes for blob in blobs)
    return Record(data, event.sequence, tuple(blob.sha256 for blob in blobs), size_bytes, lasting(event))
