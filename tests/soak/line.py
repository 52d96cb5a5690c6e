"""A phone's calls that are made until they are answered: services die under them."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx2

from tests.demo.phone import Json, Phone, Refused

T = TypeVar("T")

_AGAIN_S = 0.5
_MOST_S = 240.0
_LATER = (429, 503)
"""Statuses that say nothing of what becomes of a call."""


class Line:
    """To one gateway, as one person. Every write has one key for all its repetitions."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self._refreshing = asyncio.Lock()

    async def task(self, task: Json) -> Json:
        """The task as it stands."""
        return await self._answered(lambda: self.phone.task(task))

    async def all_of(self, task: Json) -> tuple[list[Json], list[Json], list[Json]]:
        """Its events, its messages, and what was written and no message carries."""
        return (
            await self._answered(lambda: self.phone.events(task)),
            await self._answered(lambda: self.phone.messages(task)),
            await self._answered(lambda: self.phone.inputs(task)),
        )

    async def create(self, project: Json, prompt: str) -> Json:
        """A new task."""
        key = secrets.token_hex(16)
        return await self._answered(lambda: self.phone.create_task(project, prompt, key=key))

    async def say(self, task: Json, text: str, kind: str) -> str | None:
        """The id of the input, once it is acknowledged; None where the task takes none such any more."""
        answered = await self._write(f"/v1/tasks/{task['task_id']}/inputs", {"text": text, "kind": kind})
        return None if answered is None else str(answered["input"]["input_id"])

    async def stop(self, task: Json) -> bool:
        """Whether there was something to stop."""
        return await self._write(f"/v1/tasks/{task['task_id']}/stop") is not None

    async def retry(self, task: Json) -> bool:
        """Whether it goes on."""
        return await self._write(f"/v1/tasks/{task['task_id']}/retry") is not None

    async def _write(self, path: str, body: Json | None = None) -> Json | None:
        key = secrets.token_hex(16)
        try:
            return await self._answered(lambda: self.phone.post(path, body, key=key))
        except Refused as exc:
            # It came to rest, or went on, just before.
            if exc.status == 409:
                return None
            raise

    async def _answered(self, call: Callable[[], Awaitable[T]]) -> T:
        """Raises Refused for what is wrong with the call, and TimeoutError when nobody answers."""
        async with asyncio.timeout(_MOST_S):
            while True:
                token = self.phone.access_token
                try:
                    return await call()
                except httpx2.TransportError:
                    pass
                except Refused as exc:
                    if exc.status == 401:
                        await self._refreshed(was=token)
                    elif exc.status not in _LATER:
                        raise
                await asyncio.sleep(_AGAIN_S)

    async def _refreshed(self, *, was: str) -> None:
        """An access token lives for an hour; many calls find out at once."""
        async with self._refreshing:
            if self.phone.access_token == was:
                await self.phone.refresh()
