"""What is looked at from outside: a phone that never gave up watching, the database, the git host, Docker."""

import asyncio
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import websockets

from tests.chaos.prompts import final
from tests.demo.phone import Json, Phone
from tests.demo.stack import Stack

WITHIN_S = 60.0


@dataclass
class Observer:
    """One task, watched from its beginning over every interruption."""

    stack: Stack
    phone: Phone
    task: Json
    events: list[Json] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    """How long after it was made each event was seen, while it was watched without a break."""
    shown: int = 0
    """Characters of what was going on."""
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def follow(self) -> None:
        """Watch, and watch again from the last cursor, for ever."""
        while True:
            cursor = self.events[-1]["cursor"] if self.events else ""
            try:
                async with self.phone.live(self.task, cursor=cursor) as live:
                    async for message in live:
                        await self._see(message)
            except (OSError, httpx2.HTTPError, websockets.WebSocketException):
                pass
            await asyncio.sleep(0.1)

    async def until(
        self, seen: Callable[[Json], bool], *, after: Json | None = None, within_s: float = WITHIN_S
    ) -> Json:
        """The first event for which `seen` holds, of all or of those after one, as soon as it is there."""
        begin = 0 if after is None else self.events.index(after) + 1
        try:
            async with asyncio.timeout(within_s), self._changed:
                await self._changed.wait_for(lambda: any(map(seen, self.events[begin:])))
        except TimeoutError:
            raise AssertionError(f"not seen within {within_s:.0f} s; last came {self.events[-1:]}") from None
        return next(filter(seen, self.events[begin:]))

    async def until_phase(self, phase: str) -> None:
        """Wait until the last attempt is in it, as the database says."""
        async with asyncio.timeout(WITHIN_S):
            while [found for _, found, _ in self.attempts()][-1:] != [phase]:
                await asyncio.sleep(0.005)

    async def ended(self, *, within_s: float = WITHIN_S) -> Json:
        """The task once it is final."""
        await self.until(final, within_s=within_s)
        return await self.phone.task(self.task)

    @asynccontextmanager
    async def another(self) -> AsyncIterator["Observer"]:
        """Somebody else who watches the same task from its beginning."""
        other = Observer(self.stack, self.phone, self.task)
        async with _following(other):
            yield other

    def container(self) -> str:
        """The task's one container."""
        command = ["docker", "ps", "--quiet", "--no-trunc", "--filter", f"label=errand.task={self.task['task_id']}"]
        (found,) = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return str(found)

    def attempts(self) -> list[tuple[str, str, int]]:
        """The id, phase and last acknowledged event of each of its attempts."""
        query = "SELECT attempt_id, phase, acked_sequence FROM attempts WHERE task_id = ? ORDER BY fence"
        return [(str(row[0]), str(row[1]), int(row[2])) for row in self._rows(query, self.task["task_id"])]

    def told(self, attempt_id: str) -> list[tuple[int, bytes]]:
        """An attempt's events as they are stored, in order: number and body."""
        query = "SELECT attempt_sequence, body FROM events WHERE attempt_id = ? AND attempt_sequence IS NOT NULL"
        rows = self._rows(f"{query} ORDER BY event_id", attempt_id)
        return [(int(row[0]), bytes(row[1])) for row in rows]

    def trace(self, name: str = "trace") -> list[str]:
        """The lines of a file on the branch at the git host."""
        # The short name alone would be that of the checkpoint too.
        return self.at_host("show", f"refs/heads/{self.task['branch']}:{name}").split()

    def at_host(self, *arguments: str) -> str:
        """What git says of the repository at the git host."""
        command = ["git", "-C", str(self.stack.bare()), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def _rows(self, query: str, value: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.stack.database}?mode=ro", uri=True)) as connection:
            return connection.execute(query, (value,)).fetchall()

    async def _see(self, message: Json) -> None:
        if message["type"] == "delta":
            self.shown += len(message["delta"]["text"])
        if message["type"] != "event":
            return
        made = datetime.fromisoformat(message["event"]["created_time"])
        self.late_s.append((datetime.now(UTC) - made).total_seconds())
        async with self._changed:
            self.events.append(message["event"])
            self._changed.notify_all()


@asynccontextmanager
async def observed(stack: Stack, phone: Phone, project: Json, prompt: str) -> AsyncIterator[Observer]:
    """A new task under observation."""
    observer = Observer(stack, phone, await phone.create_task(project, prompt))
    async with _following(observer):
        yield observer


@asynccontextmanager
async def _following(observer: Observer) -> AsyncIterator[None]:
    following = asyncio.ensure_future(observer.follow())
    try:
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def check(observer: Observer, *, attempts: int = 1, within_s: float = WITHIN_S) -> None:
    """What must hold at the end of a task that went on as if nothing had been."""
    task = await observer.ended(within_s=within_s)
    assert task["status"] == "completed", task
    phases = [phase for _, phase, _ in observer.attempts()]
    assert len(phases) == attempts, phases
    assert phases[-1] == "succeeded", phases
    await gapless(observer)
    calls = await observer.phone.tool_calls(observer.task)
    assert all(call["output"] for call in calls), "a command without what it printed"


async def gapless(observer: Observer) -> None:
    """I8: what was watched is what is stored, in order, each once."""
    stored = await observer.phone.events(observer.task)
    await observer.until(lambda event: bool(event["cursor"] == stored[-1]["cursor"]))
    assert observer.events == stored, "I8: what was watched is not what is stored"
