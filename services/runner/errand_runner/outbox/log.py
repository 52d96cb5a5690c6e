"""One attempt's events: appended by the attempt, read and acknowledged by the sender, kept until forgotten."""

import asyncio
import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from errand.v1.runner_pb2 import AttemptEvent
from errand_runner.outbox.blobs import BLOB_BYTES, Shelf, set_aside
from errand_runner.outbox.budget import Budget, Share
from errand_runner.outbox.disk import frame_bytes
from errand_runner.outbox.recovery import EVENT_BYTES
from errand_runner.outbox.tail import Entry, OutboxError, Record, Tail
from errand_runner.outbox.thread import DiskThread

_NUMBER_BYTES = 10  # the most that an event's number adds to it


@dataclass(frozen=True)
class Store:
    """What all logs of an outbox share; `changed` is set when there is more to send."""

    thread: DiskThread
    budget: Budget
    changed: asyncio.Event


class Log:
    """One attempt's events, numbered from 1 without a hole."""

    def __init__(self, path: Path, recovered: list[Record], *, fence: int, blobs: Path, store: Store) -> None:
        """`recovered` is what the file at `path` holds, `blobs` the folder of its long contents."""
        self.attempt_id, self.fence = path.name.partition(".")[0], fence
        self.recovered = [record.data for record in recovered]
        """What an earlier process wrote."""
        self.acked_sequence = 0
        needed = [sha256 for record in recovered for sha256 in record.blobs]
        self.blobs = Shelf(blobs, store.thread, needed=needed)
        self._name, self._store = path.name, store
        self._unacked = deque(recovered)
        self._share = Share(store.budget)
        self._share.use(sum(record.size_bytes for record in recovered))
        self._tail = Tail(
            path,
            sum(frame_bytes(record.data) for record in recovered),
            on_landed=self._on_landed,
            on_dropped=self._leave,
        )
        self._moved = asyncio.Event()

    @property
    def last_sequence(self) -> int:
        """The last event on disk; 0 before the first."""
        return self.acked_sequence + len(self._unacked)

    @property
    def unsafe(self) -> bool:
        """Whether something on disk is not acknowledged."""
        return bool(self._unacked)

    @property
    def broken(self) -> OutboxError | None:
        """Why the log takes nothing more."""
        failure = self._tail.failure
        return _not_written(self._name, failure) if isinstance(failure, OSError) else failure

    async def append(self, event: AttemptEvent) -> None:
        """Number an event and return once it is on disk, its long contents before it; the event is the log's from then
        on. Raises OutboxError.

        Waits while too much is unacknowledged, or the disk is full. The event of a caller that is cancelled is written
        all the same, but not where the disk is full.
        """
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
        event.sequence = self._last_queued + 1
        entry = self._tail.add(Record(event.SerializeToString(), tuple(contents), size_bytes))
        self._store.thread.write(self._tail)
        await self._landed(entry)

    def after(self, sequence: int, *, limit_bytes: int) -> list[bytes]:
        """The records after `sequence`, at least one if there is any, then as many as fit."""
        chosen: list[bytes] = []
        size = 0
        for record in islice(self._unacked, max(sequence - self.acked_sequence, 0), None):
            if chosen and size + len(record.data) > limit_bytes:
                break
            chosen.append(record.data)
            size += len(record.data)
        return chosen

    def ack(self, sequence: int) -> None:
        """Everything up to `sequence` is safe with the scheduler."""
        while self._unacked and self.acked_sequence < sequence:
            self._leave(self._unacked.popleft())
            self.acked_sequence += 1

    async def drained(self) -> None:
        """Return once all that was appended is written and acknowledged."""
        while self._unacked or self._tail.queue:
            self._moved.clear()
            await self._moved.wait()

    def refuse(self, reason: str) -> None:
        """The scheduler will never take what is not acknowledged: the attempt ends at its next append."""
        self._end(OutboxError(f"the scheduler refuses what the attempt tells: {reason}"))

    def drop(self) -> None:
        """The attempt is over for the scheduler: nothing of it is needed any more."""
        self._end(OutboxError("the attempt is over for the scheduler"))
        self._store.thread.drop(self._tail)
        self.blobs.clear()

    def close(self) -> None:
        """Keep what is on disk for the next process."""
        os.close(self._tail.descriptor)

    @property
    def _last_queued(self) -> int:
        return self.last_sequence + len(self._tail.queue)

    async def _put(self, contents: Mapping[str, bytes]) -> None:
        try:
            await self.blobs.put(contents)
        except OSError as exc:
            raise _not_written(self._name, exc) from exc
        if self.broken is not None:
            raise self.broken

    async def _landed(self, entry: Entry) -> None:
        try:
            await entry.landed
        except asyncio.CancelledError:
            self._tail.drop_abandoned()
            raise
        except (OSError, OutboxError) as exc:
            raise self.broken or exc from exc

    def _on_landed(self, record: Record) -> None:
        self._unacked.append(record)
        self._store.changed.set()

    def _end(self, cause: OutboxError) -> None:
        self._tail.fail(cause)
        while self._unacked:
            self._leave(self._unacked.popleft())
        self._moved.set()

    def _leave(self, record: Record) -> None:
        """Nobody waits for this one any more."""
        self._let_go(record.blobs, record.size_bytes)
        self._moved.set()

    def _let_go(self, blobs: Sequence[str], size_bytes: int) -> None:
        self._share.give_back(size_bytes)
        self.blobs.release(blobs)


def _not_written(name: str, failure: OSError) -> OutboxError:
    return OutboxError(f"{name}: an event was not written: {failure.strerror}; see to the disk that holds ERRAND_DATA")


def _check_size(event: AttemptEvent, contents: Mapping[str, bytes]) -> None:
    """Raises OutboxError."""
    sizes = [(event.ByteSize() + _NUMBER_BYTES, EVENT_BYTES), *((len(each), BLOB_BYTES) for each in contents.values())]
    for size_bytes, most in sizes:
        if size_bytes > most:
            found = f"an event with {size_bytes} bytes of content, more than the {most} that the scheduler takes"
            raise OutboxError(f"{found}; ask for less at a time and send the task on")
