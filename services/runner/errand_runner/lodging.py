"""Where an attempt works: the sandbox that an earlier process left it, else a new one, with its broker."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
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
from errand_runner.warm import Warm

Lodged = tuple[Sandbox, Broker]


class Lodging:
    """Opens it, written down first; what is open stands still when the attempt does.

    `new_broker` and `new_spec` make what is particular to the attempt: for the folder of its socket; for a sandbox, its
    workspace and that folder. `made_ahead` gives a sandbox that waits for a task without a workspace, if there is one.
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
        made_ahead: Callable[[], Awaitable[Warm | None]],
    ) -> None:
        self._attempt_id, self._task_id = attempt_id, task_id
        self._engine, self._journal, self._book = engine, journal, book
        self._ids, self._socket_root = ids, socket_root
        self._freezer, self._recorder, self._steps = freezer, recorder, steps
        self._new_broker, self._new_spec, self._made_ahead = new_broker, new_spec, made_ahead

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
        if self._book.of(self._task_id) is None:
            if (warm := await self._made_ahead()) is not None:
                return await self._hand_over(stack, warm)
            await to_the_end(asyncio.to_thread(self._book.give, self._task_id, self._ids.new("wsp")))
        entry = Entry(self._ids.new("sbx"), self._attempt_id)
        # Before anything is made: whatever happens then, the next process knows whose it is.
        await to_the_end(asyncio.to_thread(self._journal.prepare, entry))
        sandbox, broker = await stack.enter_async_context(self._in(entry, adopted=False))
        await to_the_end(asyncio.to_thread(self._journal.created, entry.sandbox_id, sandbox.container_id))
        return sandbox, broker

    @asynccontextmanager
    async def workspace(self) -> AsyncIterator[None]:
        """The book says that the task's workspace, if it has one or gets one, is used. Raises JournalFailed."""
        with self._book.in_use(self._task_id):
            await to_the_end(asyncio.to_thread(self._book.used, self._task_id))
            try:
                yield
            finally:
                await to_the_end(asyncio.to_thread(self._note_use))

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
        if self._book.of(self._task_id) is None:
            # Nobody can say whose files are in it; it is swept away.
            self._journal.forget(left.sandbox_id)
            return None
        try:
            lodged = await stack.enter_async_context(self._in(left, adopted=True))
        except SandboxFailed as exc:
            structlog.get_logger().info("sandbox_not_adopted", sandbox_id=left.sandbox_id, reason=str(exc))
            return None
        structlog.get_logger().info("sandbox_adopted", sandbox_id=left.sandbox_id)
        await self._recorder.sandbox_adopted(left.sandbox_id)
        return lodged

    async def _hand_over(self, stack: AsyncExitStack, warm: Warm) -> Lodged:
        """Its workspace becomes the task's, then its container the attempt's: killed in between, the next process
        sweeps the container away, and the task keeps a volume that is empty."""
        entry = Entry(warm.spec.sandbox_id, self._attempt_id, warm.container_id)
        try:
            await to_the_end(asyncio.to_thread(self._book.give, self._task_id, warm.spec.workspace_id))
            warm.handed_over = True
            await to_the_end(asyncio.to_thread(self._journal.prepare, entry))
        except BaseException:
            warm.handed_over = self._book.names(warm.spec.workspace_id)
            warm.end()
            raise
        return await stack.enter_async_context(self._inside(warm.spec, warm.lent()))

    @asynccontextmanager
    async def _in(self, entry: Entry, *, adopted: bool) -> AsyncIterator[Lodged]:
        holding = self._book.of(self._task_id)
        assert holding is not None, "who opens a sandbox has a workspace"
        spec = self._new_spec(entry.sandbox_id, holding.workspace_id, self._socket_root / entry.sandbox_id)
        opening = self._engine.adopt(spec, entry.container_id) if adopted else self._engine.open(spec)
        async with self._inside(spec, opening) as lodged:
            yield lodged

    @asynccontextmanager
    async def _inside(self, spec: SandboxSpec, opening: AbstractAsyncContextManager[Sandbox]) -> AsyncIterator[Lodged]:
        """The broker on its socket, then the container that sees nothing but that socket."""
        broker = self._new_broker(spec.socket_dir)
        over = self._freezer.over
        try:
            async with over(broker), broker, opening as sandbox, over(sandbox):
                yield sandbox, broker
        finally:
            shutil.rmtree(spec.socket_dir, ignore_errors=True)
            self._journal.forget(spec.sandbox_id)
