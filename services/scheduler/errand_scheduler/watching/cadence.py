"""Doing something at once when it was not done lately, and otherwise after a pause."""

import asyncio
from collections.abc import Callable


class Cadence:
    """At most one run of the action in each `pause_s`, however often it is asked for."""

    def __init__(self, pause_s: float, action: Callable[[], None]) -> None:
        self._pause_s = pause_s
        self._action = action
        self._ran_s: float | None = None
        self._next: asyncio.TimerHandle | None = None

    def soon(self) -> None:
        """Have it run: not now, but in the loop's next round at the earliest, so that what comes together goes
        together."""
        if self._next is not None:
            return
        loop = asyncio.get_running_loop()
        at_s = loop.time() if self._ran_s is None else max(loop.time(), self._ran_s + self._pause_s)
        self._next = loop.call_at(at_s, self._run)

    def stop(self) -> None:
        """Run no more."""
        if self._next is not None:
            self._next.cancel()

    def _run(self) -> None:
        self._next = None
        self._ran_s = asyncio.get_running_loop().time()
        self._action()
