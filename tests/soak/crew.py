"""People who send one errand after the other, so many at a time, until there is enough of it."""

import asyncio
import itertools
import random
from collections import Counter

from tests.demo.phone import Json
from tests.demo.stack import Stack
from tests.soak.errand import REST_S, Errand, orders
from tests.soak.judge import judge
from tests.soak.line import Line
from tests.soak.watcher import Manner, Screen

_SCREENS = 5
"""Of each manner."""


class Crew:
    """`ends` counts how errands ended, `breaches` says what was not as promised."""

    def __init__(self, stack: Stack, line: Line, project: Json, chance: random.Random, *, size: int) -> None:
        self._stack, self._line, self._project, self._chance, self._size = stack, line, project, chance, size
        self._marks = itertools.count()
        # Some of each manner; a person may have no more than 20 sockets.
        self._screens = [Screen(line.phone, manner, chance) for manner in Manner for _ in range(_SCREENS)]
        self.enough = asyncio.Event()
        self.ends: Counter[str] = Counter()
        self.breaches: list[str] = []

    async def work(self) -> None:
        """Returns when the last errand was judged."""
        async with asyncio.TaskGroup() as screens:
            following = [screens.create_task(screen.follow()) for screen in self._screens]
            async with asyncio.TaskGroup() as people:
                for _ in range(self._size):
                    # Each has its own chance: which of them comes first is the machine's.
                    people.create_task(self._person(random.Random(self._chance.random())))
            for each in following:
                each.cancel()

    async def _person(self, chance: random.Random) -> None:
        while not self.enough.is_set():
            task = await self._line.create(self._project, orders(chance, self._marks))
            async with chance.choice(self._screens).watching(task) as watcher:
                errand = Errand(self._line, chance, self._marks, task, watcher)
                await errand.live()
                status, found = await judge(self._stack, errand, within_s=REST_S)
            self.ends[status] += 1
            self.breaches += found
