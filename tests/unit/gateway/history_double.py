"""A task history that can be watched: the part of the scheduler double that moves."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from errand.v1.event_pb2 import Delta, Event
from errand.v1.task_service_pb2 import CaughtUp, Reset, WatchEventsResponse
from errand_common.errors import ErrandError, Unauthenticated, Unavailable

EPOCH = "1"

Item = WatchEventsResponse | ErrandError


@dataclass(eq=False)
class _Watcher:
    token: str
    task_id: str
    items: asyncio.Queue[Item] = field(default_factory=asyncio.Queue)


class History:
    """Events with cursors `1.1`, `1.2`, ...; each watcher gets the old ones, then the new ones."""

    def __init__(self) -> None:
        self.epoch = EPOCH
        self.events: list[Event] = []
        self.opened: list[str] = []
        self.going_on: list[Delta] = []
        self._watchers: set[_Watcher] = set()
        self._watched = asyncio.Condition()

    def append(self, event: Event) -> Event:
        """Store an event and show it to the watchers."""
        event.cursor = f"{self.epoch}.{len(self.events) + 1}"
        self.events.append(event)
        self._show(event.task_id, WatchEventsResponse(events=[event]))
        return event

    def restore(self) -> None:
        """What a restored scheduler shows: a history of its own, and open watches to be opened again."""
        self.epoch, self.events = str(int(self.epoch) + 1), []
        self.fail_watchers(Unavailable("the scheduler was restored"))

    def show_delta(self, delta: Delta) -> None:
        """Show a delta to those who watch now."""
        self._show(delta.task_id, WatchEventsResponse(deltas=[delta]))

    def end_session(self, token: str) -> None:
        """What the scheduler does to open streams when a session is revoked."""
        for watcher in self._watchers:
            if watcher.token == token:
                watcher.items.put_nowait(Unauthenticated("the session was ended"))

    def fail_watchers(self, error: ErrandError) -> None:
        """Every open watch ends with this."""
        for watcher in self._watchers:
            watcher.items.put_nowait(error)

    async def watchers(self, count: int) -> None:
        """Wait until so many watches are open."""
        async with asyncio.timeout(30), self._watched:
            await self._watched.wait_for(lambda: len(self._watchers) == count)

    async def watch(self, token: str, task_id: str, after_cursor: str) -> AsyncIterator[WatchEventsResponse]:
        self.opened.append(after_cursor)
        watcher = _Watcher(token, task_id)
        async with self._watched:
            self._watchers.add(watcher)
            stored = list(self.events)
            self._watched.notify_all()
        try:
            async for response in self._replay(watcher, stored, after_cursor):
                yield response
            while True:
                item = await watcher.items.get()
                if isinstance(item, ErrandError):
                    raise item
                yield item
        finally:
            self._watchers.discard(watcher)
            async with self._watched:
                self._watched.notify_all()

    async def _replay(
        self, watcher: _Watcher, stored: list[Event], after_cursor: str
    ) -> AsyncIterator[WatchEventsResponse]:
        epoch, _, number = (after_cursor or f"{self.epoch}.0").partition(".")
        head = f"{self.epoch}.{len(stored)}"
        if epoch != self.epoch:
            yield WatchEventsResponse(reset=Reset(cursor=head))
            return
        for event in stored[int(number) :]:
            if watcher.task_id in ("", event.task_id):
                yield WatchEventsResponse(events=[event])
        yield WatchEventsResponse(caught_up=CaughtUp(cursor=head), snapshots=self.going_on)

    def _show(self, task_id: str, response: WatchEventsResponse) -> None:
        for watcher in self._watchers:
            if watcher.task_id in ("", task_id):
                watcher.items.put_nowait(response)
