"""All of a person's tasks, watched over one socket from before the first of them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import websockets

from tests.demo.phone import Json, Phone

_ALL: Json = {"task_id": None}


@dataclass
class Feed:
    """Goes on from its last cursor after every interruption."""

    phone: Phone
    events: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    """By task."""
    _cursor: str = ""
    _changed: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    async def follow(self) -> None:
        """For ever."""
        while True:
            try:
                async with self.phone.live(_ALL, cursor=self._cursor) as live:
                    async for message in live:
                        if message["type"] == "event":
                            self._see(message["event"])
            except (OSError, httpx2.HTTPError, websockets.WebSocketException):
                pass
            await asyncio.sleep(0.1)

    async def until(self, task: Json, seen: Callable[[Json], bool], *, within_s: float) -> None:
        """Wait until there is an event of the task for which `seen` holds."""
        events, changed, looked = self.events[task["task_id"]], self._changed[task["task_id"]], 0
        async with asyncio.timeout(within_s):
            while not any(map(seen, events[looked:])):
                looked = len(events)
                changed.clear()
                await changed.wait()

    def _see(self, event: Json) -> None:
        self._cursor = event["cursor"]
        self.events[event["task_id"]].append(event)
        self._changed[event["task_id"]].set()


@asynccontextmanager
async def feed_of(phone: Phone) -> AsyncIterator[Feed]:
    """While the context lasts."""
    feed = Feed(phone)
    following = asyncio.ensure_future(feed.follow())
    try:
        yield feed
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
