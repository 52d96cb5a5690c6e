"""How much a workspace holds, watched: no engine limits a volume on the file systems that hosts have."""

import asyncio
from contextlib import suppress

import structlog

from errand_common.disk import in_words
from errand_common.values import SandboxLimit
from errand_runner.sandbox.answers import FileError
from errand_runner.sandbox.hits import Hit
from errand_runner.sandbox.profile import WORKSPACE
from errand_runner.sandbox.supervisor import SandboxGone, Supervisor

# Looking takes at most a twentieth of the time, however many files there are.
_PAUSE_S = 2.0
_PAUSE_PER_LOOK = 20.0
_LOOK_S = 120.0

# Not the sandbox's own, whose first folder is the task's.
_PATH = {"PATH": "/usr/bin:/bin"}


class Quota:
    """Kills what runs when the workspace holds more than it may, and again only where it has grown since.

    So whoever tidies up is left alone. It asks the sandbox, where files can be hidden from it; what the host needs is
    guarded outside.
    """

    def __init__(self, limit_bytes: int, *, folder: str = WORKSPACE) -> None:
        """0 watches nothing."""
        self._supervisor: Supervisor | None = None
        self._limit = limit_bytes
        self._folder = folder
        self._mark = limit_bytes
        self._hit: Hit | None = None

    def watch_over(self, supervisor: Supervisor) -> None:
        """From now on it is this sandbox that has the workspace."""
        self._supervisor = supervisor

    async def watch(self) -> None:
        """Until it is cancelled."""
        loop = asyncio.get_running_loop()
        # A person waits for the work to begin, and nothing has grown yet.
        await asyncio.sleep(_PAUSE_S)
        while True:
            began_s = loop.time()
            if self._limit and self._supervisor:
                # One that is gone holds nothing that runs; whoever opens the next one names it.
                with suppress(SandboxGone):
                    await self._look(self._supervisor)
            await asyncio.sleep(max(_PAUSE_S, _PAUSE_PER_LOOK * (loop.time() - began_s)))

    def take(self) -> Hit | None:
        """What was killed for since the last time, in words, once."""
        hit, self._hit = self._hit, None
        return hit

    async def _look(self, supervisor: Supervisor) -> None:
        used_bytes = await self._used_bytes(supervisor)
        if used_bytes is None:
            return
        if used_bytes > self._mark:
            self._hit = Hit(
                SandboxLimit.WORKSPACE,
                f"the command was killed because the workspace holds {in_words(used_bytes)}, more than its limit of"
                f" {in_words(self._limit)}; delete what is not needed",
            )
            await supervisor.kill_all()
            structlog.get_logger().info("workspace_over_limit", used_bytes=used_bytes, limit_bytes=self._limit)
        self._mark = max(self._limit, used_bytes)

    async def _used_bytes(self, supervisor: Supervisor) -> int | None:
        """None where it cannot be told, such as while no process can be started."""
        argv = ["du", "-skx", self._folder]
        try:
            done = await supervisor.capture(argv, cwd="/", env=_PATH, timeout_s=_LOOK_S, limit_bytes=4096)
            return int(done.stdout.split()[0]) << 10
        except (FileError, ValueError, IndexError):
            return None
