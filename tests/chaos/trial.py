"""One fault that is tried: where it happens, what was looked at, how long it took to be as before."""

import random
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from tests.chaos.fleet import Fleet
from tests.chaos.home import Home, open_home
from tests.chaos.homes import Homes
from tests.chaos.invariants import Finals, finals, hold
from tests.chaos.logs import keep_logs
from tests.chaos.memory import resident_mib
from tests.demo.stack import SERVICES, Stack

GROWTH_MIB = 128.0
"""What a service may have grown by when all is over."""


@dataclass
class Trial:
    """`chance` is the seed's: the same seed makes the same trial."""

    name: str
    homes: Homes
    chance: random.Random
    quick: bool = False
    runs: int = 0
    said: dict[str, None] = field(default_factory=dict)
    recoveries_s: list[float] = field(default_factory=list)
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)
    _shared: dict[str, tuple[Stack, Finals, int]] = field(default_factory=dict)

    async def home(self) -> Home:
        """The Errand that is shared with other trials: whoever takes it leaves it as it was."""
        home = await self.homes.home()
        self._shared.setdefault("home", (home.stack, self._arrive(home.stack), home.slots))
        return home

    async def fleet(self) -> Fleet:
        """The one that is shared with other trials: two hosts, each in a network of its own."""
        fleet = await self.homes.fleet()
        self._shared.setdefault("fleet", (fleet.stack, self._arrive(fleet.stack), fleet.slots))
        return fleet

    @asynccontextmanager
    async def own_home(
        self,
        *,
        beat_s: float | None = None,
        slots: int = 2,
        scheduler: Mapping[str, str] | None = None,
        runner: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Home]:
        """One of this trial's own, judged at the end."""
        async with open_home(beat_s=beat_s, slots=slots, scheduler=scheduler, runner=runner) as home:
            earlier = self._arrive(home.stack)
            try:
                yield home
                await self.judge(home.stack, earlier, slots)
            except BaseException:
                keep_logs(home.stack, self.name, of="own_home")
                raise

    def rounds(self, whole: int, *, quick: int = 1) -> range:
        """How often the fault happens."""
        return range(quick if self.quick else whole)

    def injected(self, count: int = 1) -> None:
        """It happened."""
        self.runs += count

    def checked(self, *words: str) -> None:
        """What held."""
        self.said.update(dict.fromkeys(words))

    @contextmanager
    def recovery(self, *, limit_s: float) -> Iterator[None]:
        """What is done in it is over when all is as before, and takes no longer than that."""
        began_s = time.monotonic()
        yield
        took_s = time.monotonic() - began_s
        self.recoveries_s.append(took_s)
        assert took_s <= limit_s, f"I11: it took {took_s:.1f} s to be as before, and {limit_s} s are allowed"

    async def judge(self, stack: Stack, earlier: Finals, slots: int) -> None:
        """What must hold at the end of every trial."""
        await hold(stack, earlier, slots=slots)
        self.checked("I1 I2 I4 I5 I7 I10 of all tasks", "integrity")
        for name in SERVICES:
            if name in stack.processes.running:
                self.after[name] = resident_mib(stack, name)
                grown = self.after[name] - self.before.get(name, self.after[name])
                assert grown < GROWTH_MIB, f"I9: the {name} grew by {grown:.0f} MiB"

    async def finish(self) -> None:
        """The trial is over; what it shared with others is judged."""
        for shared in self._shared.values():
            await self.judge(*shared)

    def _arrive(self, stack: Stack) -> Finals:
        for name in SERVICES:
            if name in stack.processes.running:
                self.before.setdefault(name, resident_mib(stack, name))
        return finals(stack)
