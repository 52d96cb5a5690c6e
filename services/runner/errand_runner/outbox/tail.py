"""The growing end of the outbox: what all attempts write queues for the disk, and lands in order, as much at once as
came meanwhile. One sync serves all of it: files of their own would need one each, and each takes as long as one."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from errand_runner.outbox.disk import is_full
from errand_runner.outbox.entries import State
from errand_runner.outbox.records import Record
from errand_runner.outbox.segments import Segments
from errand_runner.outbox.thread import DiskThread


class Writer(Protocol):
    """Whose entry it is."""

    def landed(self, item: "Item", segment: int) -> None:
        """It is on the disk, in this segment."""

    def refused(self, failure: OSError) -> None:
        """It is not, and never will be, as what else this one has queued."""

    def starved(self) -> None:
        """The disk has no room for it: it is tried again, if it is still wanted."""


@dataclass(eq=False)
class Item:
    """An entry on its way to the disk; `done` tells its writer, who may have gone. The tail alone changes `taken`, its
    writer alone `wanted`; nobody waits for one that is not `awaited`."""

    writer: Writer
    data: bytes
    record: Record | None = None
    wanted: bool = True
    taken: bool = False
    awaited: bool = True
    done: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Tail:
    """Where the next entries go. `held` says what is held when a segment begins, `needed` which older ones are."""

    def __init__(
        self,
        segments: Segments,
        thread: DiskThread,
        *,
        held: Callable[[], State],
        needed: Callable[[], Collection[int]],
    ) -> None:
        self._segments, self._thread = segments, thread
        self._held, self._needed = held, needed
        self._queue: deque[Item] = deque()
        self._along: list[bytes] = []
        self._going_along = 0
        self._writing: Sequence[Item] = ()
        self._full = False

    @property
    def full(self) -> bool:
        """Whether the disk has no room for what is queued."""
        return self._full

    def add(self, item: Item) -> None:
        """Queue an entry, and have it written."""
        self._queue.append(item)
        self._write()

    def add_soon(self, item: Item) -> None:
        """Queue an entry, and have it written with what is queued in the same moment."""
        self._queue.append(item)
        asyncio.get_running_loop().call_soon(self._write)

    def add_along(self, data: bytes) -> None:
        """Have an entry written before what is written next, whenever that is, or say it by the state of a new segment.
        Nobody hears of it."""
        self._along.append(data)

    def _write(self) -> None:
        if self._writing or self._full:
            return
        items = [item for item in self._queue if item.wanted]
        self._queue.clear()
        if not items:
            return
        self._writing = items
        for item in items:
            item.taken = True
        data = b"".join([item.data for item in items])
        self._going_along = len(self._along)
        if self._segments.full:
            write = partial(self._segments.begin, self._held(), data, needed=self._needed())
        else:
            write = partial(self._segments.append, b"".join(self._along) + data)
        self._thread.run(write).add_done_callback(self._settle)

    def _settle(self, done: "asyncio.Future[int]") -> None:
        items, self._writing = self._writing, ()
        for item in items:
            item.taken = False
        failure = done.exception()
        if failure is None:
            del self._along[: self._going_along]
            self._thread.feed(self)
            for item in items:
                if item.wanted:
                    item.writer.landed(item, done.result())
        elif isinstance(failure, OSError) and is_full(failure):
            self._queue.extendleft(reversed(items))
            self._wait_for_room(items, failure)
            return
        elif isinstance(failure, OSError):
            self._thread.feed(self)
            for item in items:
                if item.wanted:
                    item.writer.refused(failure)
        else:
            raise failure
        self._write()

    def _wait_for_room(self, items: Sequence[Item], failure: OSError) -> None:
        self._full = True
        self._thread.starve(self, failure)
        asyncio.get_running_loop().call_later(self._thread.room_retry_s, self._try_again)
        for writer in {id(item.writer): item.writer for item in items}.values():
            writer.starved()

    def _try_again(self) -> None:
        self._full = False
        if not any(item.wanted for item in self._queue):
            self._thread.feed(self)
        self._write()
