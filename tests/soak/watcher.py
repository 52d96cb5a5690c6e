"""Phones that watch: steadily, slowly, or by looking away in the middle of a word; each shows several tasks at once."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum

import httpx2
import websockets
from websockets.asyncio.client import ClientConnection

from tests.demo.phone import Json, Phone

_AGAIN_S = 0.3
_SLOW_S = 0.05
_VANISH_S = 6.0


class Manner(Enum):
    """How it watches."""

    STEADY = "steady"
    SLOW = "slow"
    """It takes its time over every message."""
    VANISHING = "vanishing"
    """It goes at any moment, and comes back later from where it was."""


class Watcher:
    """What was told of one task: `events`, in the order in which they came."""

    def __init__(self, task_id: str) -> None:
        self.events: list[Json] = []
        self.task_id = task_id
        self._changed = asyncio.Condition()

    @property
    def asked(self) -> str:
        """To be told what comes next."""
        cursor = self.events[-1]["cursor"] if self.events else ""
        return json.dumps({"type": "subscribe", "task_id": self.task_id, "cursor": cursor})

    async def until(self, seen: Callable[[list[Json]], bool], *, within_s: float) -> None:
        """Until `seen` holds of all that was told. Raises TimeoutError."""
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(lambda: seen(self.events))

    async def see(self, event: Json) -> None:
        """One more."""
        async with self._changed:
            self.events.append(event)
            self._changed.notify_all()


class Screen:
    """One phone's live socket, which never gives up."""

    def __init__(self, phone: Phone, manner: Manner, chance: random.Random) -> None:
        self._phone, self._manner, self._chance = phone, manner, chance
        self._shown: dict[str, Watcher] = {}
        self._asked: set[str] = set()
        """What this socket was asked for; none where there is no socket."""
        self._socket: ClientConnection | None = None

    @asynccontextmanager
    async def watching(self, task: Json) -> AsyncIterator[Watcher]:
        """Shows a task for as long as the context lasts."""
        watcher = self._shown[task["task_id"]] = Watcher(str(task["task_id"]))
        await self._ask()
        try:
            yield watcher
        finally:
            del self._shown[watcher.task_id]
            if self._socket is not None and watcher.task_id in self._asked:
                self._asked.discard(watcher.task_id)
                with suppress(websockets.WebSocketException):
                    await self._socket.send(json.dumps({"type": "unsubscribe", "task_id": watcher.task_id}))

    async def follow(self) -> None:
        """For ever."""
        while True:
            try:
                async with asyncio.timeout(self._patience_s()), self._phone.socket() as self._socket:
                    await self._ask()
                    async for message in self._socket:
                        await self._hear(json.loads(message))
            except (OSError, httpx2.HTTPError, websockets.WebSocketException, TimeoutError):
                pass
            finally:
                self._socket = None
                self._asked.clear()
            await asyncio.sleep(_AGAIN_S)

    async def _ask(self) -> None:
        for watcher in list(self._shown.values()):
            if self._socket is not None and watcher.task_id not in self._asked:
                self._asked.add(watcher.task_id)
                with suppress(websockets.WebSocketException):
                    await self._socket.send(watcher.asked)

    async def _hear(self, message: Json) -> None:
        if self._manner is Manner.SLOW:
            await asyncio.sleep(_SLOW_S * self._chance.random())
        watcher = self._shown.get(message.get("task_id") or "")
        if watcher is None:
            return
        if message["type"] == "event":
            await watcher.see(message["event"])
        elif message["type"] == "error" and not message["retrying"]:
            self._asked.discard(watcher.task_id)
            await self._ask()

    def _patience_s(self) -> float | None:
        return self._chance.expovariate(1 / _VANISH_S) if self._manner is Manner.VANISHING else None
