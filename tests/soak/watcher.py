"""Somebody who watches one task: steadily, slowly, or by looking away in the middle of a word."""

import asyncio
import random
from collections.abc import Callable
from enum import Enum

import httpx2
import websockets

from tests.demo.phone import Json, Phone, is_final

_AGAIN_S = 0.3
_SLOW_S = 0.4
_VANISH_S = 3.0


class Manner(Enum):
    """How it watches."""

    STEADY = "steady"
    SLOW = "slow"
    """It takes its time over every message."""
    VANISHING = "vanishing"
    """It goes at any moment, and comes back later from where it was."""


class Watcher:
    """Never gives up; `events` are all that it was told, in the order in which it was."""

    def __init__(self, phone: Phone, task: Json, manner: Manner, chance: random.Random) -> None:
        self.events: list[Json] = []
        self._phone, self._task, self._manner, self._chance = phone, task, manner, chance
        self._changed = asyncio.Condition()

    async def follow(self) -> None:
        """For ever."""
        while True:
            try:
                async with asyncio.timeout(self._patience_s()):
                    await self._watch()
            except (OSError, httpx2.HTTPError, websockets.WebSocketException, TimeoutError):
                pass
            await asyncio.sleep(_AGAIN_S)

    async def until(self, seen: Callable[[list[Json]], bool], *, within_s: float) -> None:
        """Until `seen` holds of all that was told. Raises TimeoutError."""
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(lambda: seen(self.events))

    async def ends(self, count: int, *, within_s: float) -> None:
        """Until the task came to rest so often. Raises TimeoutError."""
        await self.until(lambda told: sum(map(_is_end, told)) >= count, within_s=within_s)

    async def _watch(self) -> None:
        cursor = self.events[-1]["cursor"] if self.events else ""
        async with self._phone.live(self._task, cursor=cursor) as live:
            async for message in live:
                if self._manner is Manner.SLOW:
                    await asyncio.sleep(_SLOW_S * self._chance.random())
                if message["type"] == "event":
                    async with self._changed:
                        self.events.append(message["event"])
                        self._changed.notify_all()

    def _patience_s(self) -> float | None:
        return self._chance.expovariate(1 / _VANISH_S) if self._manner is Manner.VANISHING else None


def _is_end(event: Json) -> bool:
    return is_final({"type": "event", "event": event})
