"""Looks at the free disk every two seconds, and acts before it is full."""

import asyncio
from collections.abc import Mapping

import structlog

from errand_common.disk import Room
from errand_runner.book import Book
from errand_runner.brake import Brake
from errand_runner.retention import Retention
from errand_runner.sandbox.docker import Engine, EngineUnavailable, SandboxFailed
from errand_runner.watermark import Action, End, Go, Marks, Remove, Stop, Writer, decide, why_given_up, why_still

LOOK_S = 2.0

# How many looks an attempt that was ended has for its end, with the removal of its container.
_ENDING_LOOKS = 15

_log = structlog.get_logger()


class Flood:
    """Carries out what `decide` says, for the fullest of the disks of `room`.

    Workspaces go, and attempts are ended, only where the disk of `workspace_room` is short: nowhere else would it help.
    """

    def __init__(
        self,
        engine: Engine,
        book: Book,
        retention: Retention,
        brake: Brake,
        *,
        room: Room,
        workspace_room: Room,
        marks: Marks,
        look_s: float = LOOK_S,
    ) -> None:
        self._engine, self._book, self._retention, self._brake = engine, book, retention, brake
        self._room, self._workspace_room, self._marks, self._look_s = room, workspace_room, marks, look_s
        self._sizes: Mapping[str, int] | None = None
        """Of the workspaces, when room began to get short; none while it is not."""
        self._ending: dict[str, int] = {}
        """Attempts that were ended, and how many more looks they have for it."""

    async def watch(self) -> None:
        """For ever; with marks at 0 it looks at nothing."""
        if not self._marks.go_bytes:
            # Who ends beside the work ends the work.
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(self._look_s)
            try:
                await self.look()
            except (EngineUnavailable, SandboxFailed) as exc:
                _log.warning("disk_not_seen_to", error=str(exc))

    async def look(self) -> None:
        """One look, and at most one act. Raises EngineUnavailable or SandboxFailed."""
        free_bytes = await asyncio.to_thread(self._room.free)
        if free_bytes is None:
            return
        standing = bool(self._brake.reason)
        helps = standing and await asyncio.to_thread(self._workspaces_are_short)
        idle = await self._retention.idle() if helps else ()
        writers = await self._writers() if helps and not idle else ()
        await self._act(free_bytes, decide(free_bytes, self._marks, standing=standing, idle=idle, writers=writers))
        await self._note_sizes(free_bytes)

    def _workspaces_are_short(self) -> bool:
        free_bytes = self._workspace_room.free()
        return free_bytes is not None and free_bytes < self._marks.go_bytes

    async def _act(self, free_bytes: int, action: Action) -> None:
        match action:
            case Stop():
                _log.error("disk_nearly_full", free_bytes=free_bytes, attempts=len(self._brake.carried))
                self._brake.pull(why_still(free_bytes))
            case Go():
                _log.info("disk_has_room", free_bytes=free_bytes)
                self._brake.release()
            case Remove(holding):
                await self._retention.retire(holding)
            case End(writer):
                _log.error("attempt_given_up", attempt_id=writer.attempt_id, grown_bytes=writer.grown_bytes)
                self._ending[writer.attempt_id] = _ENDING_LOOKS
                self._brake.give_up(writer.attempt_id, why_given_up(writer))

    async def _writers(self) -> list[Writer]:
        """Whom to choose from; nobody while one that was ended still makes room."""
        carried = self._brake.carried
        self._ending = {each: looks - 1 for each, looks in self._ending.items() if each in carried}
        if any(looks > 0 for looks in self._ending.values()):
            return []
        sizes = await self._measured() or {}
        before = self._sizes or {}
        grown: dict[str, int | None] = {}
        for attempt_id, task_id in carried.items():
            holding = self._book.of(task_id)
            size = None if holding is None else sizes.get(holding.workspace_id)
            if holding is not None and attempt_id not in self._ending:
                grown[attempt_id] = None if size is None else size - before.get(holding.workspace_id, 0)
        return [Writer(attempt_id, each) for attempt_id, each in grown.items()]

    async def _note_sizes(self, free_bytes: int) -> None:
        """Once for each time that room gets short: the engine reads every workspace for it."""
        if free_bytes >= self._room.wanted_bytes:
            self._sizes = None
        elif self._sizes is None and not self._brake.reason:
            self._sizes = await self._measured() or {}

    async def _measured(self) -> Mapping[str, int] | None:
        try:
            return await self._engine.workspace_sizes()
        except (EngineUnavailable, SandboxFailed) as exc:
            # Without it somebody is chosen all the same: everything stands still meanwhile.
            _log.warning("workspaces_not_measured", error=str(exc))
            return None
