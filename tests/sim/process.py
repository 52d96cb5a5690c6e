"""A process of the simulated world: what runs in it knows it by the context; killed, nothing of it runs again."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

from tests.sim.handles import Handle


class Killed(BaseException):
    """The process dies here, in the middle of a step. No clean-up of its own may see it: only the loop does."""


class Process:
    """One start of a service. `stalled`: it stands still, as after SIGSTOP, until it is resumed. `in_job`: it runs
    something that blocks, which ends where it is killed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.stalled = False
        self.in_job = False
        self.held: list[Handle] = []
        self.on_kill: list[Callable[[], None]] = []
        self._context = contextvars.copy_context()
        self._context.run(CURRENT.set, self)

    def spawn(self, coro: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Run in this process."""
        return asyncio.get_running_loop().create_task(coro, context=self._context.copy())

    def later(self, delay_s: float, call: Callable[..., None], *args: Any) -> asyncio.TimerHandle:
        """Call in this process, if it still lives by then."""
        return asyncio.get_running_loop().call_later(delay_s, call, *args, context=self._context.copy())

    def kill(self) -> None:
        """As kill -9 does."""
        if self.alive:
            self.alive = False
            self.held.clear()
            for tell in self.on_kill:
                tell()


CURRENT: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)
"""The process that the running code belongs to; none for the world itself."""
