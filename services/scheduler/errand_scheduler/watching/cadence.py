"""Doing something at once when it was not done often lately, and otherwise after a pause."""

import asyncio
from collections.abc import Callable


class Cadence:
    """At most one run of the action in each `pause_s`, however often it is asked for, but for `spare` more: those come
    at once, and one is saved up anew in each pause in which nothing was done (a generic cell rate algorithm)."""

    def __init__(self, pause_s: float, action: Callable[[], None], *, spare: int = 0) -> None:
        self._pause_s = pause_s
        self._ahead_s = spare * pause_s
        self._action = action
        self._due_s = float("-inf")
        """When the next run would be due if all had kept their pauses."""
        self._next: asyncio.TimerHandle | None = None

    def soon(self) -> None:
        """Have it run: not now, but in the loop's next round at the earliest, so that what comes together goes
        together."""
        if self._next is not None:
            return
        loop = asyncio.get_running_loop()
        self._next = loop.call_at(max(loop.time(), self._due_s - self._ahead_s), self._run)

    def stop(self) -> None:
        """Run no more."""
        if self._next is not None:
            self._next.cancel()

    def _run(self) -> None:
        self._next = None
        self._due_s = max(self._due_s, asyncio.get_running_loop().time()) + self._pause_s
        self._action()
