"""Attempts that tell events at a steady rate, and a phone's live socket for each."""

import asyncio
from pathlib import Path
from typing import ClassVar

from tests.bench.person import Person
from tests.demo.phone import Phone
from tests.demo.stack import Stack

_PATIENCE_S = 60.0


class Told:
    """Rounds of it, at the source of events that `source` prints for. The sockets are tasks of `group`."""

    TASKS: ClassVar[int] = 20
    PER_SECOND: ClassVar[int] = 100
    """Of each."""

    def __init__(
        self, stack: Stack, person: Person, phone: Phone, source: asyncio.StreamReader, group: asyncio.TaskGroup
    ) -> None:
        self._person, self._phone, self._source, self._group = person, phone, source, group
        self._go: Path = stack.folder / "runner" / "go"
        self._seen = asyncio.Semaphore(0)

    async def ready(self, seconds: float) -> None:
        """The attempts are there, and followed; they tell nothing yet."""
        self._go.unlink(missing_ok=True)
        prompt = f"{self._each(seconds)} {self.PER_SECOND}"
        for task_id in await asyncio.gather(*(self._person.create(prompt) for _ in range(self.TASKS))):
            self._group.create_task(self._follow(task_id, self._each(seconds)))
        running = 0
        async with asyncio.timeout(_PATIENCE_S):
            while running < self.TASKS:
                running += (await self._source.readline()).strip() == b"running"

    async def go(self, seconds: float) -> int:
        """They tell; returns how many events were seen, which are all."""
        self._go.touch()
        count = self.TASKS * self._each(seconds)
        async with asyncio.timeout(seconds + _PATIENCE_S):
            for _ in range(count):
                await self._seen.acquire()
        return count

    async def _follow(self, task_id: str, count: int) -> None:
        async with self._phone.live({"task_id": task_id}) as messages:
            async for message in messages:
                if message.get("event", {}).get("kind") == "model_delayed":
                    self._seen.release()
                    count -= 1
                if not count:
                    return

    def _each(self, seconds: float) -> int:
        return round(seconds * self.PER_SECOND)
