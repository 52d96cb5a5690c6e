"""The growing end of one file: records queue for it and land in order, as many at once as came meanwhile."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from errand_runner.outbox.disk import Piece, frame, is_full


class OutboxError(Exception):
    """An event could not be written down; the message says why. The attempt must end: it is no longer recorded."""


@dataclass(frozen=True)
class Record:
    """An event as it lies on the disk, the blobs that it refers to, and the bytes of both."""

    data: bytes
    blobs: tuple[str, ...]
    size_bytes: int


@dataclass(frozen=True, eq=False)
class Entry:
    """A record on its way to the file; `landed` tells its writer, who may have gone."""

    record: Record
    landed: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Tail:
    """Where a file's next records go. `on_landed` and `on_dropped` hear what became of each, in order."""

    def __init__(
        self, path: Path, offset: int, *, on_landed: Callable[[Record], None], on_dropped: Callable[[Record], None]
    ) -> None:
        self.queue: deque[Entry] = deque()
        self.failure: OSError | OutboxError | None = None
        """Why nothing more gets to the file."""
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        self._offset = offset
        self._on_landed, self._on_dropped = on_landed, on_dropped
        self._taken = 0
        self._full = False

    def add(self, record: Record) -> Entry:
        """Queue a record."""
        entry = Entry(record)
        self.queue.append(entry)
        return entry

    def take(self) -> Piece:
        """All that is queued now, for the disk; `settle` says how it went."""
        self._taken = len(self.queue)
        return Piece(self.descriptor, self._offset, b"".join(frame(entry.record.data) for entry in self.queue))

    def settle(self, piece: Piece, failure: OSError | None) -> None:
        """What was taken is on the disk, or is not."""
        taken, self._taken = self._taken, 0
        self._full = failure is not None and is_full(failure)
        if failure is None:
            self._offset += len(piece.data)
            for _ in range(min(taken, len(self.queue))):
                entry = self.queue.popleft()
                self._on_landed(entry.record)
                if not entry.landed.done():
                    entry.landed.set_result(None)
        elif self._full:
            self.drop_abandoned()
        else:
            self.fail(failure)

    def drop_abandoned(self) -> None:
        """On a full disk, forget the last records if those who wrote them have gone: nobody acts on them."""
        while self._full and len(self.queue) > self._taken and self.queue[-1].landed.cancelled():
            self._on_dropped(self.queue.pop().record)

    def fail(self, failure: OSError | OutboxError) -> None:
        """Nothing that is queued, or comes later, will be written: it would leave a hole."""
        self.failure = failure
        while self.queue:
            entry = self.queue.popleft()
            self._on_dropped(entry.record)
            if not entry.landed.done():
                entry.landed.set_exception(failure)
