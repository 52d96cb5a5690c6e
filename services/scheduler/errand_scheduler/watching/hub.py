"""Who watches what: each watcher is a place in the list of events, woken when there is more for it."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from errand.v1.event_pb2 import Delta, EventBody
from errand_scheduler.store.events import Event
from errand_scheduler.watching.cursors import Cursors
from errand_scheduler.watching.encoding import encoded
from errand_scheduler.watching.feed import Budget, Feed, Piece, Place
from errand_scheduler.watching.open_blocks import Covered, OpenBlocks, covered_by

SNAPSHOT_BYTES = 512 * 1024
"""Of what is going on in all of a user's tasks, at the end of a replay."""


class Subscription:
    """One watcher of one task, or of all of a user's. `over` says that its stream must end.

    It replays the database first, and `join`s; from then on it is given what is `next`, and reads the database again
    where it has fallen behind.
    """

    def __init__(self, hub: "Hub", feed: Feed, *, user_id: str, task_id: str) -> None:
        self.user_id = user_id
        self.task_id = task_id
        self.over = False
        self._hub = hub
        self._feed = feed
        self._place: Place | None = None
        self._woken = asyncio.Event()

    @property
    def visible(self) -> int:
        """The newest event that may be sent to who has joined."""
        return self._feed.visible

    @property
    def position(self) -> int:
        """The newest event that was sent, or is not for this watcher."""
        assert self._place is not None
        return self._place.event_id

    def replayed(self, events: Sequence[Event]) -> None:
        """These were read from the database. What they cover is not going on any more, told or not."""
        self._hub.seen(events)

    def join(self, event_id: int) -> list[Delta]:
        """Follow from here on, after this event; returns what is going on right now."""
        self._place = self._feed.place_after(event_id)
        return self._hub.open_blocks.snapshots(self.user_id, self.task_id, limit_bytes=SNAPSHOT_BYTES)

    def next(self) -> Piece | None:
        """What comes next, taken as sent; none if the database must be read."""
        assert self._place is not None
        piece = self._feed.next(self._place, self.task_id)
        if piece is not None:
            self._place = piece.place
        return piece

    def paged(self, event_id: int) -> None:
        """Everything up to this event was sent from the database."""
        assert self._place is not None
        self._place = Place(event_id, self._place.delta_number)

    async def wait(self) -> None:
        """Return once something happened since the last return."""
        await self._woken.wait()
        self._woken.clear()

    def wake(self) -> None:
        """Have the watcher look again."""
        self._woken.set()

    def flushed(self, before: int, tasks: Sequence[str]) -> None:
        """More of these tasks can be sent. A watcher of another one, who knew all there was, still does."""
        if not self.task_id or self.task_id in tasks:
            self.wake()
        elif self._place is not None and self._place.event_id == before:
            self._place = Place(self._feed.visible, self._place.delta_number)


@dataclass
class _Audience:
    """A user's watchers, in the order in which they came, and what they share."""

    feed: Feed
    watchers: dict[Subscription, None] = field(default_factory=dict)


class Hub:
    """Hears what is committed and what passes by, and has the watchers concerned look."""

    def __init__(self, cursors: Cursors) -> None:
        self.open_blocks = OpenBlocks()
        self._cursors = cursors
        self._budget = Budget()
        self._audiences: dict[str, _Audience] = {}
        self._head: int | None = None
        self._stopping = False

    def begin(self, head: int) -> None:
        """Everything up to this event was stored before the process began. Called before anyone watches."""
        self._head = max(head, self._head or 0)

    @property
    def kept_bytes(self) -> int:
        """What watchers share in memory."""
        return self._budget.used_bytes

    @property
    def watchers(self) -> int:
        """How many watch."""
        return sum(len(audience.watchers) for audience in self._audiences.values())

    @contextmanager
    def subscribe(self, *, user_id: str, task_id: str) -> Iterator[Subscription]:
        """A subscription for as long as the context lasts. Subscribe first, then read: nothing falls between."""
        audience = self._audiences.get(user_id) or self._new_audience(user_id)
        subscription = Subscription(self, audience.feed, user_id=user_id, task_id=task_id)
        subscription.over = self._stopping
        audience.watchers[subscription] = None
        try:
            yield subscription
        finally:
            del audience.watchers[subscription]
            if not audience.watchers:
                audience.feed.close()
                del self._audiences[user_id]

    def stored(self, user_id: str, task_id: str, events: Sequence[Event]) -> None:
        """Events of a task were committed; told in the order of their numbers."""
        self._head = events[-1].event_id
        audience = self._audiences.get(user_id)
        # Most of a flood covers nothing that is open: it is not looked into.
        if task_id in self.open_blocks or (audience is not None and audience.feed.has_deltas):
            for covered in _all_covered(events):
                self.open_blocks.cover(task_id, covered)
                if audience is not None:
                    audience.feed.cover(task_id, covered)
        if audience is not None:
            audience.feed.stored(task_id, [(row.event_id, encoded(row, self._cursors)) for row in events])

    def seen(self, events: Sequence[Event]) -> None:
        """Events that somebody read: those that are committed, but not told yet, cover what they cover all the same."""
        assert self._head is not None
        for row in events:
            if row.event_id > self._head and row.task_id in self.open_blocks:
                for covered in _all_covered([row]):
                    self.open_blocks.cover(row.task_id, covered)

    def delta(self, user_id: str, task_id: str, delta: Delta, size_bytes: int) -> None:
        """Keep a piece of something going on, and pass it on to whoever keeps up; drop it if it came too late."""
        if not self.open_blocks.add(user_id, delta):
            return
        audience = self._audiences.get(user_id)
        if audience is not None:
            audience.feed.passing(delta, size_bytes)

    def stop(self) -> None:
        """End every watch: the scheduler stops."""
        self._stopping = True
        for subscription in self._all():
            subscription.over = True
            subscription.wake()

    def _new_audience(self, user_id: str) -> _Audience:
        assert self._head is not None, "begin first"
        made: list[_Audience] = []

        def on_flush(before: int, tasks: Sequence[str]) -> None:
            for subscription in made[0].watchers:
                subscription.flushed(before, tasks)

        feed = Feed(self._budget, floor=self._head, on_flush=on_flush)
        made.append(_Audience(feed))
        self._audiences[user_id] = made[0]
        return made[0]

    def _all(self) -> list[Subscription]:
        return [subscription for audience in self._audiences.values() for subscription in audience.watchers]


def _all_covered(events: Sequence[Event]) -> Iterator[Covered]:
    for row in events:
        covered = covered_by(EventBody.FromString(row.body))
        if covered is not None:
            yield covered
