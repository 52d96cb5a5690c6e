"""What is left on this host of earlier processes and lost attempts: removed once no attempt may come back to it."""

import asyncio
import shutil
from collections.abc import Container, Sequence
from pathlib import Path

import structlog

from errand_common.errors import Unavailable
from errand_common.ids import is_id
from errand_common.tasks import to_the_end
from errand_runner.book import Book
from errand_runner.journal import Journal, JournalFailed
from errand_runner.lease import Leases
from errand_runner.sandbox.docker import Engine, EngineUnavailable, SandboxFailed

LOOK_BEATS = 6
"""How often it is looked for."""


class Leftovers:
    """Containers of this runner and the folders of their sockets."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        book: Book,
        leases: Leases,
        *,
        socket_root: Path,
        others: Sequence[Container[str]] = (),
    ) -> None:
        """`others`: sandboxes that live and are in no journal."""
        self._engine, self._journal, self._book, self._leases = engine, journal, book, leases
        self._socket_root, self._others = socket_root, others
        self._begun = asyncio.Event()
        self._runner_id = ""

    async def begin(self, runner_id: str) -> None:
        """The scheduler gave its verdicts: remove what it does not want kept, before any attempt starts.

        Raises Unavailable: without Docker nothing can be said of containers, and no session is opened.
        """
        self._runner_id = runner_id
        try:
            if not self._begun.is_set():
                await self._adopt_workspaces()
            await self._clear()
        except (EngineUnavailable, SandboxFailed, JournalFailed) as exc:
            raise Unavailable(str(exc)) from exc
        self._begun.set()

    @property
    def beat_s(self) -> float:
        """The scheduler's unit of time, in seconds."""
        return self._leases.beat_s

    async def begun(self) -> str:
        """Wait until it has; the runner's id."""
        await self._begun.wait()
        return self._runner_id

    async def watch(self) -> None:
        """Look again and again, for ever, once it has begun."""
        await self._begun.wait()
        while True:
            await asyncio.sleep(LOOK_BEATS * self._leases.beat_s)
            try:
                await self._clear()
            except (EngineUnavailable, SandboxFailed) as exc:
                structlog.get_logger().warning("leftovers_not_removed", error=str(exc))

    async def abandon(self) -> None:
        """The scheduler takes this runner no more: remove the containers that an earlier process left. Their workspaces
        stay. What Docker does not remove now, the next start tries again."""
        for entry in self._journal.entries:
            if self._journal.at_work(entry.sandbox_id):
                continue
            try:
                await self._engine.remove(entry.sandbox_id)
            except (EngineUnavailable, SandboxFailed) as exc:
                structlog.get_logger().warning("leftovers_not_removed", error=str(exc))
                continue
            shutil.rmtree(self._socket_root / entry.sandbox_id, ignore_errors=True)
            self._journal.forget(entry.sandbox_id)
            structlog.get_logger().info("leftovers_removed", sandbox_ids=[entry.sandbox_id])

    async def _adopt_workspaces(self) -> None:
        """Volumes of before there was a book say themselves whose they are."""
        for volume in await self._engine.workspaces():
            ours = volume.runner_id == self._runner_id
            if ours and is_id(volume.task_id, "tsk") and self._book.of(volume.task_id) is None:
                await to_the_end(asyncio.to_thread(self._book.give, volume.task_id, volume.workspace_id))

    async def _clear(self) -> None:
        removed = await self._engine.sweep(self._runner_id, self._is_kept)
        if removed:
            structlog.get_logger().info("leftovers_removed", sandbox_ids=removed)
        await asyncio.to_thread(self._clear_folders)

    def _clear_folders(self) -> None:
        for folder in self._socket_root.iterdir():
            if not self._is_kept(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
        for entry in self._journal.entries:
            if not self._is_kept(entry.sandbox_id):
                self._journal.forget(entry.sandbox_id)

    def _is_kept(self, sandbox_id: str) -> bool:
        """Whether an attempt works in it, or may come to, or was confirmed and has not yet come back to it."""
        if self._journal.at_work(sandbox_id) or any(sandbox_id in each for each in self._others):
            return True
        entry = self._journal.find(sandbox_id)
        return entry is not None and self._leases.holds(entry.attempt_id)
