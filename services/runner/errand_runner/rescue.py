"""An attempt that is broken off leaves a checkpoint of what it had done: what runs is ended first, then it is saved."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from errand_runner.ending import AttemptFailed
from errand_runner.lodging import Lodged
from errand_runner.outbox import OutboxError
from errand_runner.sandbox.supervisor import SandboxGone
from errand_runner.saving import Keeper
from errand_runner.workspace import Workspace

RESCUE_BEATS = 3
"""So long it is given at most: a person waits for the end of what they stopped, and the lease is not renewed any more
(ARCHITECTURE.md, Bounds)."""

# Whatever runs is dead within 3 s of a stop: where the supervisor does not answer, the container's end is its end.
_KILL_S = 1.5


class Rescue:
    """One attempt's. `home` is its sandbox of the moment, if there is one. `keeper` waits for no git host that is away.

    `stopped` says whether a cancellation is a stop: any other leaves all as it is, for the runner's next process.
    """

    def __init__(
        self,
        home: Callable[[], Lodged | None],
        keeper: Keeper,
        *,
        workspace_of: Callable[[Lodged], Workspace],
        stopped: Callable[[], bool],
        save_s: float,
    ) -> None:
        self._home, self._keeper, self._workspace_of = home, keeper, workspace_of
        self._stopped, self._save_s = stopped, save_s

    @asynccontextmanager
    async def of_what_breaks_off(self) -> AsyncIterator[None]:
        """What ends within by a stop, or by an error that nobody saw to, is rescued before that is raised."""
        try:
            yield
        except AttemptFailed:
            # Whoever raised it kept what there was to keep.
            raise
        except asyncio.CancelledError:
            if self._stopped():
                await self._run()
            raise
        except Exception:
            await self._run()
            raise

    async def _run(self) -> None:
        home = self._home()
        if home is None:
            # Nothing runs, and the workspace cannot be reached.
            return
        try:
            if await self._kill_all(home):
                await self._save(home)
        except (SandboxGone, OutboxError) as exc:
            structlog.get_logger().info("nothing_rescued", reason=str(exc))

    async def _kill_all(self, home: Lodged) -> bool:
        """End everything that runs in the sandbox; False where that cannot be said."""
        try:
            async with asyncio.timeout(_KILL_S):
                await home[0].supervisor.kill_all()
        except TimeoutError:
            await self._keeper.failed("the sandbox did not answer when it was to end what ran")
            return False
        return True

    async def _save(self, home: Lodged) -> None:
        try:
            async with asyncio.timeout(self._save_s):
                await self._keeper.save(self._workspace_of(home))
        except TimeoutError:
            await self._keeper.failed(f"the git host did not take it within {self._save_s:.0f} s")


async def at_once(step: Callable[[], Awaitable[None]]) -> None:
    """A step that needs the git host, once."""
    await step()
