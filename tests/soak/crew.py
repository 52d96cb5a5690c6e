"""People who send one errand after the other, so many at a time, until there is enough of it."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.demo.phone import Json
from tests.demo.stack import Stack
from tests.soak.errand import REST_S, Errand, orders
from tests.soak.judge import judge
from tests.soak.line import Line
from tests.soak.watcher import Manner, Watcher


class Crew:
    """`ends` counts how errands ended, `breaches` says what was not as promised."""

    def __init__(self, stack: Stack, line: Line, project: Json, chance: random.Random, *, size: int) -> None:
        self._stack, self._line, self._project, self._chance, self._size = stack, line, project, chance, size
        self._marks = itertools.count()
        self.enough = asyncio.Event()
        self.ends: Counter[str] = Counter()
        self.breaches: list[str] = []

    async def work(self) -> None:
        """Returns when the last errand was judged."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._size):
                # Each has its own chance: which of them comes first is the machine's.
                group.create_task(self._person(random.Random(self._chance.random())))

    async def _person(self, chance: random.Random) -> None:
        while not self.enough.is_set():
            task = await self._line.create(self._project, orders(chance, self._marks))
            watcher = Watcher(self._line.phone, task, chance.choice(list(Manner)), chance)
            async with _following(watcher):
                errand = Errand(self._line, chance, self._marks, task, watcher)
                await errand.live()
                status, found = await judge(self._stack, errand, within_s=REST_S)
            self.ends[status] += 1
            self.breaches += found


@asynccontextmanager
async def _following(watcher: Watcher) -> AsyncIterator[None]:
    following = asyncio.ensure_future(watcher.follow())
    try:
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
