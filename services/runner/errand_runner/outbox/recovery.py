"""What an earlier process left in the segments; what cannot be trusted is left out."""

from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from google.protobuf.message import DecodeError

from errand.v1.runner_pb2 import AttemptEvent
from errand_runner.outbox.blobs import blobs_of
from errand_runner.outbox.entries import Entry, Forgotten, Held, State, Told, from_bytes
from errand_runner.outbox.frames import frames, is_torn
from errand_runner.outbox.lasting import lasting
from errand_runner.outbox.records import Record
from errand_runner.outbox.recovered import Recovered
from errand_runner.outbox.segments import number_of

EVENT_BYTES = 1024 * 1024
"""The largest event with the content that it carries itself (ARCHITECTURE.md, Bounds)."""

_WRITE_BYTES = 1 << 30  # the longest frame, a state, by far


def recover(segments: Sequence[Path], *, settle: Callable[[Path], None]) -> dict[str, Recovered]:
    """What is held, by attempt, with its events in order and without a hole. `settle` makes a segment durable: what is
    sent from it must still be there after a loss of power.

    A torn end, from a crash in mid-write, was never acted on. After an entry that a bad disk changed nothing of that
    segment is trusted: the scheduler decides by the last number that is left whether the attempt can go on.
    """
    found: dict[str, Recovered] = {}
    for path in segments:
        for entry in _entries(path, settle):
            _follow(found, entry, number_of(path))
    # Not before all is read: where an old segment is gone, only a later state says that its events were acknowledged.
    return {attempt_id: attempt.without_hole() for attempt_id, attempt in found.items()}


def _follow(found: dict[str, Recovered], entry: Entry, segment: int) -> None:
    match entry:
        case State(held):
            before = dict(found)
            found.clear()
            found.update({each.attempt_id: before.get(each.attempt_id, Recovered(each)).gone_on(each) for each in held})
        case Held(attempt_id):
            found[attempt_id] = Recovered(entry)
        case Forgotten(attempt_id, fence):
            if (attempt := found.get(attempt_id)) is not None and attempt.held.fence == fence:
                del found[attempt_id]
        case Told(attempt_id, fence, _, data):
            if (attempt := found.get(attempt_id)) is not None and attempt.held.fence == fence:
                attempt.follow(_record(data), segment)


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
