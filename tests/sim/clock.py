"""A host's clocks: wall time may jump, the boot clock never does."""

import asyncio

from errand_common.clock import Clock

START_US = 1_800_000_000_000_000


class HostClock(Clock):
    """Moves with the loop. `jump_us` is what its wall clock is wrong by."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, boot_s: float) -> None:
        self._loop, self._boot_s = loop, boot_s
        self.jump_us = 0

    def now_us(self) -> int:
        return START_US + int(self._loop.time() * 1e6) + self.jump_us

    def boot_s(self) -> float:
        return self._boot_s + self._loop.time()
