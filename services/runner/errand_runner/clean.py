"""Sandboxes on volumes of their own, in which nothing of an attempt's workspace is: each is used once, then it goes."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

from errand_common.ids import Ids
from errand_common.tasks import to_the_end
from errand_runner.broker.broker import Broker
from errand_runner.freezer import Freezer
from errand_runner.limit_words import limit_words
from errand_runner.lodging import Lodged
from errand_runner.sandbox.docker import Engine, EngineUnavailable, SandboxFailed, SandboxSpec

PLACE_S = 10 * 60.0
"""So long room for one is waited for (ARCHITECTURE.md, Bounds)."""

_LOOK_S = 5.0
# A person waits for the end of what they stopped; a volume that takes longer goes with the next sweep.
_REMOVE_S = 2.0

NewBroker = Callable[[Path], Broker]
NewSpec = Callable[[str, str, Path], SandboxSpec]
"""For a sandbox, its workspace and the folder of its socket."""


class NoPlace(Exception):
    """The host has no room for one more sandbox; the message says so."""


class CleanRooms:
    """All that are open in this process. What they have is in no journal: a process that is killed leaves it to the
    sweep, and whoever wanted one wants another.

    `has_room` tells whether the host bears one more; it may block.
    """

    def __init__(
        self, engine: Engine, *, ids: Ids, socket_root: Path, has_room: Callable[[], bool], look_s: float = _LOOK_S
    ) -> None:
        self._engine, self._ids, self._socket_root = engine, ids, socket_root
        self._has_room, self._look_s = has_room, look_s
        self._open: dict[str, None] = {}

    def __contains__(self, sandbox_id: object) -> bool:
        """Whether the sandbox is one of these: it is nobody's leftover."""
        return sandbox_id in self._open

    def __iter__(self) -> Iterator[str]:
        """Those that are open now; another thread may ask."""
        return iter(tuple(self._open))

    async def place(self, within_s: float = PLACE_S) -> None:
        """Return once the host has room for one more. Raises NoPlace where it has none for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while True:
                    if await asyncio.to_thread(self._has_room):
                        return
                    # What frees memory tells nobody.
                    await asyncio.sleep(self._look_s)
        raise NoPlace(f"this host had no memory or disk to spare for another sandbox within {limit_words(within_s)}")

    @asynccontextmanager
    async def open(self, new_spec: NewSpec, new_broker: NewBroker, freezer: Freezer) -> AsyncIterator[Lodged]:
        """One, with its broker; it stands still when the attempt does. Raises what `Engine.open` raises.

        At the end, however that comes, container and socket are gone; the volume too, or it is swept away soon.
        """
        sandbox_id, workspace_id = self._ids.new("sbx"), self._ids.new("wsp")
        spec = new_spec(sandbox_id, workspace_id, self._socket_root / sandbox_id)
        self._open[sandbox_id] = None
        try:
            broker = new_broker(spec.socket_dir)
            over = freezer.over
            async with over(broker), broker, self._engine.open(spec) as sandbox, over(sandbox):
                yield sandbox, broker
        finally:
            await to_the_end(self._clear(spec))

    async def _clear(self, spec: SandboxSpec) -> None:
        await asyncio.to_thread(shutil.rmtree, spec.socket_dir, ignore_errors=True)
        try:
            async with asyncio.timeout(_REMOVE_S):
                await self._engine.remove_workspace(spec.workspace_id)
        except (EngineUnavailable, SandboxFailed, TimeoutError) as exc:
            structlog.get_logger().info("volume_left_to_the_sweep", workspace_id=spec.workspace_id, reason=str(exc))
        del self._open[spec.sandbox_id]
