"""One attempt's events: appended by the attempt, read and acknowledged by the sender, kept until forgotten."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from errand.v1.runner_pb2 import AttemptEvent
from errand_runner.outbox.blobs import BLOB_BYTES, Shelf, set_aside
from errand_runner.outbox.budget import Budget, Share
from errand_runner.outbox.entries import Entry, Forgotten, Held, Told, to_bytes
from errand_runner.outbox.frames import frame
from errand_runner.outbox.lasting import lasting
from errand_runner.outbox.records import Record
from errand_runner.outbox.recovered import Recovered
from errand_runner.outbox.recovery import EVENT_BYTES
from errand_runner.outbox.tail import Item, Tail
from errand_runner.outbox.thread import DiskThread

_NUMBER_BYTES = 10  # the most that an event's number adds to it


class OutboxError(Exception):
    """An event could not be written down; the message says why. The attempt must end: it is no longer recorded."""


@dataclass(frozen=True)
class Store:
    """What all logs of an outbox share; `changed` is set when there is more to send."""

    tail: Tail
    thread: DiskThread
    budget: Budget
    changed: asyncio.Event


class Log:
    """One attempt's events, numbered from 1 without a hole."""

    def __init__(self, found: Recovered, *, blobs: Path, store: Store) -> None:
        """`found` is what the disk holds of it, `blobs` the folder of its long contents."""
        self.attempt_id, self.fence = found.held.attempt_id, found.held.fence
        self.recovered = [*found.held.kept, *(record.data for record in found.records)]
        """What an earlier process wrote, without the content of what is acknowledged."""
        self.acked_sequence = found.held.acked_sequence
        self.broken: OutboxError | None = None
        """Why the log takes nothing more."""
        needed = [sha256 for record in found.records for sha256 in record.blobs]
        self.blobs = Shelf(blobs, store.thread, needed=needed)
        self._store = store
        self._unacked, self._segments = deque(found.records), deque(found.segments)
        self._kept = list(found.held.kept)
        self._queued: deque[Item] = deque()
        self._share = Share(store.budget)
        self._share.use(sum(record.size_bytes for record in found.records))
        self._moved = asyncio.Event()
        self._note: Item | None = None
        self._given_sequence = self.last_sequence
        # An earlier process may have died with one more to tell.
        self._untold = 1 if self.last_sequence else 0

    @property
    def last_sequence(self) -> int:
        """The last event on disk; 0 before the first."""
        return self.acked_sequence + len(self._unacked)

    @property
    def given_sequence(self) -> int:
        """How many events there may ever have been: some may have been forgotten before they were on disk."""
        return self._given_sequence + self._untold

    @property
    def unsafe(self) -> bool:
        """Whether something on disk is not acknowledged."""
        return bool(self._unacked)

    @property
    def held(self) -> Held:
        """What a new segment begins with."""
        return Held(self.attempt_id, self.fence, self.acked_sequence, tuple(self._kept))

    @property
    def segments(self) -> set[int]:
        """Which segments have what is not acknowledged."""
        return set(self._segments)

    def note(self) -> None:
        """Have it written that this attempt is held."""
        self._note = self._item(Held(self.attempt_id, self.fence))
        self._store.tail.add(self._note)

    async def noted(self) -> None:
        """Return once it is remembered durably that this attempt is held. Raises OutboxError."""
        if self._note is not None:
            # One who goes away takes it from nobody else.
            await asyncio.shield(self._note.done)

    async def append(self, event: AttemptEvent) -> None:
        """Number an event and return once it is on disk, with all before it, its long contents first; the event is the
        log's from then on. Raises OutboxError.

        Waits while too much is unacknowledged, or the disk is full. The event of a caller that is cancelled is written
        all the same, but not where the disk is full.
        """
        item = await self._numbered(event)
        self._store.tail.add(item)
        try:
            await item.done
        except asyncio.CancelledError:
            if self._store.tail.full:
                self.starved()
            raise

    async def append_soon(self, event: AttemptEvent) -> None:
        """The same, but return before it is on disk: it goes there with what is appended next, so that both take one
        sync. Where it fails, the next append raises what this one would have."""
        item = await self._numbered(event)
        item.awaited = False
        self._store.tail.add_soon(item)

    async def written(self) -> None:
        """Return once all that was appended is on disk. Raises OutboxError."""
        if self.broken is not None:
            raise self.broken
        if self._queued:
            await asyncio.shield(self._queued[-1].done)

    def after(self, sequence: int, *, limit_bytes: int) -> list[Record]:
        """The records after `sequence`, at least one if there is any, then as many as fit."""
        chosen: list[Record] = []
        size = 0
        for record in islice(self._unacked, max(sequence - self.acked_sequence, 0), None):
            if chosen and size + len(record.data) > limit_bytes:
                break
            chosen.append(record)
            size += len(record.data)
        return chosen

    def ack(self, sequence: int) -> None:
        """Everything up to `sequence` is safe with the scheduler."""
        while self._unacked and self.acked_sequence < sequence:
            record = self._unacked.popleft()
            self._segments.popleft()
            if record.lasting:
                self._kept.append(record.lasting)
            self.acked_sequence += 1
            self._leave(record)

    async def drained(self) -> None:
        """Return once all that was appended is written and acknowledged."""
        while self._unacked or self._queued:
            self._moved.clear()
            await self._moved.wait()

    def refuse(self, reason: str) -> None:
        """The scheduler will never take what is not acknowledged: the attempt ends at its next append."""
        self._end(OutboxError(f"the scheduler refuses what the attempt tells: {reason}"))

    def drop(self) -> None:
        """The attempt is over for the scheduler: nothing of it is needed any more."""
        self._end(OutboxError("the attempt is over for the scheduler"))
        # No hurry: a process that does not find it written is told again by the scheduler.
        self._store.tail.add_along(frame(to_bytes(Forgotten(self.attempt_id, self.fence))))
        self.blobs.clear()

    # The tail's

    def landed(self, item: Item, segment: int) -> None:
        """An entry is on the disk."""
        if item.record is not None:
            self._queued.popleft()
            self._unacked.append(item.record)
            self._segments.append(segment)
            self._store.changed.set()
        if not item.done.done():
            item.done.set_result(None)

    def refused(self, failure: OSError) -> None:
        """The disk does not take what is queued: what came later would leave a hole."""
        self._stop_writing(self._not_written(failure))

    def starved(self) -> None:
        """On a full disk, forget the last entries if those who wrote them have gone: nobody acts on them, nor on what
        was to be written with them."""
        gone = False
        while self._queued and not (last := self._queued[-1]).taken:
            gone = last.done.cancelled() or (gone and not last.awaited)
            if not gone:
                return
            self._queued.pop()
            self._unwrite(last)

    async def _numbered(self, event: AttemptEvent) -> Item:
        """Once there is room for it and its long contents are on the disk."""
        if self.broken is not None:
            raise self.broken
        contents = set_aside(event)
        _check_size(event, contents)
        size_bytes = event.ByteSize() + _NUMBER_BYTES + sum(map(len, contents.values()))
        await self._share.take(size_bytes)
        try:
            await self._put(contents)
        except BaseException:
            self._let_go(tuple(contents), size_bytes)
            raise
        event.sequence = self.last_sequence + len(self._queued) + 1
        self._given_sequence = max(self._given_sequence, event.sequence)
        record = Record(event.SerializeToString(), event.sequence, tuple(contents), size_bytes, lasting(event))
        item = self._item(Told(self.attempt_id, self.fence, event.sequence, record.data), record)
        self._queued.append(item)
        return item

    def _item(self, entry: Entry, record: Record | None = None) -> Item:
        return Item(self, frame(to_bytes(entry)), record)

    async def _put(self, contents: Mapping[str, bytes]) -> None:
        try:
            await self.blobs.put(contents)
        except OSError as exc:
            raise self._not_written(exc) from exc
        if self.broken is not None:
            raise self.broken

    def _end(self, cause: OutboxError) -> None:
        self._stop_writing(cause)
        while self._unacked:
            self._leave(self._unacked.popleft())
        self._segments.clear()

    def _stop_writing(self, cause: OutboxError) -> None:
        self.broken = cause
        for item in (*filter(None, [self._note]), *self._queued):
            self._unwrite(item)
            if not item.done.done():
                item.done.set_exception(cause)
                item.done.exception()  # whoever waits hears it; nobody has to
        self._queued.clear()
        self._share.end()
        self._moved.set()

    def _unwrite(self, item: Item) -> None:
        item.wanted = False
        if item.record is not None:
            self._leave(item.record)

    def _not_written(self, failure: OSError) -> OutboxError:
        found = f"{self.attempt_id}: an event was not written: {failure.strerror}"
        return OutboxError(f"{found}; see to the disk that holds ERRAND_DATA")

    def _leave(self, record: Record) -> None:
        """Nobody waits for this one any more."""
        self._let_go(record.blobs, record.size_bytes)
        self._moved.set()

    def _let_go(self, blobs: Sequence[str], size_bytes: int) -> None:
        self._share.give_back(size_bytes)
        self.blobs.release(blobs)


def _check_size(event: AttemptEvent, contents: Mapping[str, bytes]) -> None:
    """Raises OutboxError."""
    sizes = [(event.ByteSize() + _NUMBER_BYTES, EVENT_BYTES), *((len(each), BLOB_BYTES) for each in contents.values())]
    for size_bytes, most in sizes:
        if size_bytes > most:
            found = f"an event with {size_bytes} bytes of content, more than the {most} that the scheduler takes"
            raise OutboxError(f"{found}; ask for less at a time and send the task on")
