"""Time limits that stand still while a sandbox does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class RunningTime:
    """Seconds of the event loop's clock in which the sandbox was not held."""

    def __init__(self) -> None:
        self._held_s = 0.0
        self._since_s: float | None = None
        self._limits: dict[asyncio.Timeout, float] = {}

    @property
    def held(self) -> bool:
        """Whether it stands still."""
        return self._since_s is not None

    def now_s(self) -> float:
        """For deadlines."""
        return (_loop_s() if self._since_s is None else self._since_s) - self._held_s

    @asynccontextmanager
    async def limit(self, when_s: float) -> AsyncIterator[None]:
        """Raises TimeoutError at `when_s` of this clock."""
        async with asyncio.timeout_at(None if self.held else when_s + self._held_s) as limit:
            self._limits[limit] = when_s
            try:
                yield
            finally:
                del self._limits[limit]

    def hold(self) -> None:
        """Stand still. Idempotent."""
        if self._since_s is None:
            self._since_s = _loop_s()
            self._set_limits()

    def go_on(self) -> None:
        """Go on. Idempotent."""
        if self._since_s is not None:
            self._held_s, self._since_s = self._held_s + _loop_s() - self._since_s, None
            self._set_limits()

    def _set_limits(self) -> None:
        for limit, when_s in self._limits.items():
            if not limit.expired():
                limit.reschedule(None if self.held else when_s + self._held_s)


def _loop_s() -> float:
    return asyncio.get_running_loop().time()
