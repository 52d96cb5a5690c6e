"""Where an attempt works: the sandbox that an earlier process left it, else a new one, with its broker."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import structlog

from errand.v1 import event_pb2
from errand_common.ids import Ids
from errand_common.tasks import to_the_end
from errand_runner.book import Book
from errand_runner.broker.broker import Broker
from errand_runner.freezer import Freezer
from errand_runner.journal import Entry, Journal, JournalFailed
from errand_runner.record import Recorder
from errand_runner.sandbox.docker import Engine, Sandbox, SandboxFailed, SandboxSpec
from errand_runner.steps import CONTAINER_S, StepLate, Steps

Lodged = tuple[Sandbox, Broker]


class Lodging:
    """Opens it, written down first; what is open stands still when the attempt does.

    `new_broker` and `new_spec` make what is particular to the attempt: for the folder of its socket; for a sandbox, its
    workspace and that folder.
    """

    def __init__(
        self,
        attempt_id: str,
        task_id: str,
        *,
        engine: Engine,
        journal: Journal,
        book: Book,
        ids: Ids,
        socket_root: Path,
        freezer: Freezer,
        recorder: Recorder,
        steps: Steps,
        new_broker: Callable[[Path], Broker],
        new_spec: Callable[[str, str, Path], SandboxSpec],
    ) -> None:
        self._attempt_id, self._task_id = attempt_id, task_id
        self._engine, self._journal, self._book = engine, journal, book
        self._ids, self._socket_root = ids, socket_root
        self._freezer, self._recorder, self._steps = freezer, recorder, steps
        self._new_broker, self._new_spec = new_broker, new_spec

    async def open(self, stack: AsyncExitStack) -> Lodged:
        """What an earlier process left of the attempt, or a new one, open until `stack` is closed; within `workspace`.

        Raises JournalFailed and what `Engine.open` raises.
        """
        await self._freezer.gate()
        if (lodged := await self._take_up(stack)) is not None:
            return lodged
        try:
            async with self._steps.step(event_pb2.STEP_CONTAINER, within_s=CONTAINER_S):
                sandbox, broker = await self.open_new(stack)
                await self._recorder.sandbox_opened(sandbox.sandbox_id, sandbox.container_id)
        except StepLate as exc:
            raise SandboxFailed(f"{exc}; see whether the host is overloaded") from exc
        return sandbox, broker

    async def open_new(self, stack: AsyncExitStack) -> Lodged:
        """A new one, of which nothing is told. Raises as `open` does."""
        entry = Entry(self._ids.new("sbx"), self._attempt_id)
        # Before anything is made: whatever happens then, the next process knows whose it is.
        await to_the_end(asyncio.to_thread(self._journal.prepare, entry))
        sandbox, broker = await stack.enter_async_context(self._in(entry, adopted=False))
        await to_the_end(asyncio.to_thread(self._journal.created, entry.sandbox_id, sandbox.container_id))
        return sandbox, broker

    @asynccontextmanager
    async def workspace(self) -> AsyncIterator[None]:
        """The task has one in the book, which says that it is used. Raises JournalFailed."""
        with self._book.in_use(self._task_id):
            await to_the_end(asyncio.to_thread(self._note_workspace))
            try:
                yield
            finally:
                await to_the_end(asyncio.to_thread(self._note_use))

    def _note_workspace(self) -> None:
        if self._book.of(self._task_id) is None:
            self._book.give(self._task_id, self._ids.new("wsp"))
        else:
            self._book.used(self._task_id)

    def _note_use(self) -> None:
        try:
            self._book.used(self._task_id)
        except JournalFailed as exc:
            # It only looks older than it is.
            structlog.get_logger().warning("use_not_noted", error=str(exc))

    async def _take_up(self, stack: AsyncExitStack) -> Lodged | None:
        left = self._journal.take_up(self._attempt_id)
        if left is None:
            return None
        try:
            lodged = await stack.enter_async_context(self._in(left, adopted=True))
        except SandboxFailed as exc:
            structlog.get_logger().info("sandbox_not_adopted", sandbox_id=left.sandbox_id, reason=str(exc))
            return None
        structlog.get_logger().info("sandbox_adopted", sandbox_id=left.sandbox_id)
        await self._recorder.sandbox_adopted(left.sandbox_id)
        return lodged

    @asynccontextmanager
    async def _in(self, entry: Entry, *, adopted: bool) -> AsyncIterator[Lodged]:
        """The broker on its socket, then the container that sees nothing but that socket."""
        socket_dir = self._socket_root / entry.sandbox_id
        holding = self._book.of(self._task_id)
        assert holding is not None, "it is in the book while it is in use"
        broker = self._new_broker(socket_dir)
        spec = self._new_spec(entry.sandbox_id, holding.workspace_id, socket_dir)
        opening = self._engine.adopt(spec, entry.container_id) if adopted else self._engine.open(spec)
        over = self._freezer.over
        try:
            async with over(broker), broker, opening as sandbox, over(sandbox):
                yield sandbox, broker
        finally:
            shutil.rmtree(socket_dir, ignore_errors=True)
            self._journal.forget(entry.sandbox_id)
