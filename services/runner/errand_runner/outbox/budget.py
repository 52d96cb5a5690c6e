"""How far attempts may run ahead of the scheduler: what is written and not acknowledged is bounded."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass


@dataclass(frozen=True)
class AheadLimits:
    """The most that may be unacknowledged, blobs included (ARCHITECTURE.md, Bounds); then appends wait."""

    attempt_bytes: int = 64 * 1024 * 1024
    host_bytes: int = 512 * 1024 * 1024
    """Over all attempts of the runner."""


class Budget:
    """What the whole runner has written ahead of the scheduler."""

    def __init__(self, limits: AheadLimits) -> None:
        self.limits = limits
        self.used_bytes = 0
        self.waiting = 0
        """How many appends wait for others' room: their own attempts have some left."""
        self.freed = asyncio.Event()

    def fits(self, size_bytes: int) -> bool:
        """Whether there is room for so much."""
        return _fits(self.used_bytes, size_bytes, limit_bytes=self.limits.host_bytes)

    @contextmanager
    def one_waits(self) -> Iterator[None]:
        """While it lasts, one more waits for others' room."""
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1


class Share:
    """One attempt's part of a budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._used_bytes = 0
        self._over = False

    async def take(self, size_bytes: int) -> None:
        """Return once there is room for so much, or the attempt is over; it is used from then on."""
        while not (self._over or ((own_fits := self._fits(size_bytes)) and self._budget.fits(size_bytes))):
            with self._budget.one_waits() if own_fits else nullcontext():
                self._budget.freed.clear()
                await self._budget.freed.wait()
        self.use(size_bytes)

    def use(self, size_bytes: int) -> None:
        """So much is used already, whether there is room or not."""
        self._used_bytes += size_bytes
        self._budget.used_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        """So much is no longer used."""
        self._used_bytes -= size_bytes
        self._budget.used_bytes -= size_bytes
        self._budget.freed.set()

    def end(self) -> None:
        """Nothing of the attempt is written any more: nobody has to wait to hear that."""
        self._over = True
        self._budget.freed.set()

    def _fits(self, size_bytes: int) -> bool:
        return _fits(self._used_bytes, size_bytes, limit_bytes=self._budget.limits.attempt_bytes)


def _fits(used_bytes: int, size_bytes: int, *, limit_bytes: int) -> bool:
    """What alone is too large still fits where nothing else is: it would wait for ever."""
    return used_bytes == 0 or used_bytes + size_bytes <= limit_bytes
