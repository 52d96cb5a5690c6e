"""The Docker engine of this host does not answer: what needs it waits for it, for a bounded time, and is done then."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from errand_common.clock import Clock
from errand_runner.sandbox.docker import EngineUnavailable

Answer = TypeVar("Answer")

# Its restart takes seconds.
_LOOK_S = 1.0


async def until_engine_answers(
    step: Callable[[], Awaitable[Answer]],
    *,
    patience_s: float,
    clock: Clock,
    away: Callable[[str, float], Awaitable[None]],
    look_s: float = _LOOK_S,
) -> Answer:
    """The step's result; while it raises EngineUnavailable it is done again. `away(why, patience)` tells of it once.

    Raises EngineUnavailable, with how long it was waited for, once the patience is over.
    """
    since_s: float | None = None
    while True:
        try:
            return await step()
        except EngineUnavailable as exc:
            now_s = clock.boot_s()
            if since_s is None:
                since_s = now_s
                structlog.get_logger().warning("engine_away", reason=str(exc))
                await away(str(exc), patience_s)
            if now_s - since_s >= patience_s:
                waited = f"waited {now_s - since_s:.0f} s for Docker (ERRAND_ENGINE_PATIENCE_SECONDS)"
                raise EngineUnavailable(f"{waited}: {exc}") from exc
        await asyncio.sleep(look_s)
