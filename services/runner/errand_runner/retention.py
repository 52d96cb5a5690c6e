"""How long a workspace is kept for a follow-up, and which ones go when there are too many or the disk is short."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from errand_common.clock import Clock
from errand_common.tasks import to_the_end
from errand_runner.book import Book, Holding
from errand_runner.journal import JournalFailed
from errand_runner.sandbox.docker import Engine, EngineUnavailable, SandboxFailed

MOST_A_PASS = 20
"""So many go at once; the rest the next time."""

_DAY_US = 24 * 3600 * 1_000_000


@dataclass(frozen=True)
class KeptFor:
    """How long and how many: for so many days after its last use, and so many at most; 0 does not limit."""

    days: float
    most: int


def due(idle: Iterable[Holding], *, held: int, now_us: int, limits: KeptFor, short: bool) -> list[Holding]:
    """Which of the workspaces without a container go: those whose time is over, then as in `in_turn`. `held` counts
    those with one too; `short`: the disk has less room than new work wants, so one goes at each look."""
    candidates = in_turn(idle)
    expired = [each for each in candidates if limits.days and now_us - each.used_us > limits.days * _DAY_US]
    surplus = held - limits.most if limits.most else 0
    others = [each for each in candidates if each not in expired]
    return expired + others[: max(surplus - len(expired), int(short and not expired), 0)]


def in_turn(idle: Iterable[Holding]) -> list[Holding]:
    """Who goes first: the least recently used, and last those that alone have what was done in them."""
    return sorted(idle, key=lambda holding: (not holding.saved, holding.used_us))


class Retention:
    """Removes them. A workspace that an attempt works in, or is about to, or that any container has, is never touched.

    `is_short` tells whether the disk is; it may block.
    """

    def __init__(
        self, engine: Engine, book: Book, *, clock: Clock, limits: KeptFor, is_short: Callable[[], bool]
    ) -> None:
        self._engine, self._book, self._clock, self._limits = engine, book, clock, limits
        self._is_short = is_short

    async def clear(self) -> None:
        """One look. Raises EngineUnavailable or SandboxFailed, and then nothing was forgotten that is still there."""
        await self._forget_gone()
        short = await asyncio.to_thread(self._is_short)
        idle = await self.idle()
        wanted = due(idle, held=len(self._book.holdings), now_us=self._clock.now_us(), limits=self._limits, short=short)
        for holding in wanted[:MOST_A_PASS]:
            await self.retire(holding)

    async def idle(self) -> list[Holding]:
        """The workspaces that nobody uses, in the order of `in_turn`. Raises as `clear`."""
        unused = set(await self._engine.idle_workspaces())
        return in_turn(each for each in self._book.holdings if each.workspace_id in unused and self._is_free(each))

    async def retire(self, holding: Holding) -> None:
        """It goes, unless somebody came back to it meanwhile. Its task then starts from what was pushed."""
        if not self._is_free(holding):
            return
        # First: who comes now is given another, and not one that goes away under it.
        self._book.forget(holding.task_id)
        try:
            await self._engine.remove_workspace(holding.workspace_id)
        except EngineUnavailable:
            await to_the_end(asyncio.to_thread(self._give_back, holding))
            raise
        except SandboxFailed as exc:
            structlog.get_logger().warning("workspace_not_removed", task_id=holding.task_id, error=str(exc))
            return
        unused_s = (self._clock.now_us() - holding.used_us) // 1_000_000
        structlog.get_logger().info("workspace_removed", task_id=holding.task_id, unused_s=unused_s)

    def _give_back(self, holding: Holding) -> None:
        """The engine did not say whether it is gone."""
        if self._book.of(holding.task_id) is None:
            try:
                self._book.restore(holding)
            except JournalFailed as exc:
                structlog.get_logger().warning("workspace_forgotten", task_id=holding.task_id, error=str(exc))

    async def _forget_gone(self) -> None:
        """Somebody removed a volume behind our back: said once, and its task starts from what was pushed."""
        before = self._book.holdings
        there = {volume.workspace_id for volume in await self._engine.workspaces()}
        for holding in before:
            if holding.workspace_id not in there and self._is_free(holding):
                self._book.forget(holding.task_id)
                structlog.get_logger().warning(
                    "workspace_gone", task_id=holding.task_id, workspace_id=holding.workspace_id
                )

    def _is_free(self, holding: Holding) -> bool:
        return self._book.of(holding.task_id) == holding and not self._book.is_in_use(holding.task_id)
