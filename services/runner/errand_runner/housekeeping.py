"""What is tidied up on this host again and again, and no attempt waits for."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from errand_common.clock import Clock
from errand_runner.book import Book
from errand_runner.leftovers import LOOK_BEATS, Leftovers
from errand_runner.retention import MOST_A_PASS, Retention
from errand_runner.sandbox.docker import Engine, EngineUnavailable, SandboxFailed
from errand_runner.sandbox.guest_install import remove_half_made

_MICROSECONDS = 1_000_000
_EXPIRED_S = 24 * 3600
"""So long after its time a container of another runner is nobody's, whatever the clocks said when it was made."""

_HALF_MADE_S = 3600


class Housekeeping:
    """Volumes of nobody, workspaces that were kept long enough, what runners left that are gone, half-made folders.

    An engine that does not answer removes nothing; the next look tries again.
    """

    def __init__(
        self, engine: Engine, book: Book, retention: Retention, leftovers: Leftovers, *, clock: Clock, state_dir: Path
    ) -> None:
        self._engine, self._book, self._retention, self._leftovers = engine, book, retention, leftovers
        self._clock, self._state_dir = clock, state_dir

    async def watch(self) -> None:
        """For ever, once the scheduler said what is to be kept."""
        runner_id = await self._leftovers.begun()
        await self.tidy(runner_id)
        while True:
            # By then attempts that go on have come back to their workspaces.
            await asyncio.sleep(LOOK_BEATS * self._leftovers.beat_s)
            await self.tidy(runner_id)
            await _tried(self._retention.clear)

    async def tidy(self, runner_id: str) -> None:
        """One look at what is nobody's; a bounded part of it goes."""
        now_s = self._clock.now_us() / _MICROSECONDS
        await _tried(lambda: self._sweep_workspaces(runner_id))
        await _tried(lambda: self._sweep_expired(runner_id, now_s))
        await asyncio.to_thread(remove_half_made, self._state_dir, before_s=now_s - _HALF_MADE_S)

    async def _sweep_workspaces(self, runner_id: str) -> None:
        if not self._book.whole:
            return
        removed = await self._engine.sweep_workspaces(runner_id, self._book.names, most=MOST_A_PASS)
        if removed:
            structlog.get_logger().info("workspaces_of_nobody_removed", workspace_ids=removed)

    async def _sweep_expired(self, runner_id: str, now_s: float) -> None:
        removed = await self._engine.sweep_expired(runner_id, before_s=now_s - _EXPIRED_S, most=MOST_A_PASS)
        if removed:
            structlog.get_logger().info("expired_containers_removed", container_ids=removed)


async def _tried(chore: Callable[[], Awaitable[None]]) -> None:
    try:
        await chore()
    except (EngineUnavailable, SandboxFailed) as exc:
        structlog.get_logger().warning("leftovers_not_removed", error=str(exc))
