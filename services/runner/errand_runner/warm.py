"""A sandbox that was made ahead, kept open by a task of its own, whoever uses it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from errand_runner.sandbox.docker import Sandbox, SandboxSpec
from errand_runner.sandbox.supervisor import SandboxGone

Step = Callable[[], Awaitable[None]]


class Warm:
    """Made, waiting, and handed over at most once."""

    def __init__(self, spec: SandboxSpec, *, since_s: float) -> None:
        self.spec, self.since_s = spec, since_s
        self.image_id = ""
        """What the name of its image stood for when it was made."""
        self.taken = False
        """Whether somebody has it, or is about to."""
        self.handed_over = False
        """Whether its workspace is a task's."""
        self._sandbox: Sandbox | None = None
        self._over = False
        self._ended = asyncio.Event()
        # None is the end. Whoever has it asks for one thing at a time.
        self._asked: asyncio.Queue[tuple[Step, asyncio.Future[None]] | None] = asyncio.Queue()

    @property
    def is_made(self) -> bool:
        """Whether it works, or did."""
        return self._sandbox is not None

    @property
    def is_waiting(self) -> bool:
        """Whether anybody may have it."""
        return self.is_made and not self.taken and not self._over

    @property
    def container_id(self) -> str:
        """The engine's id of its container."""
        assert self._sandbox is not None
        return self._sandbox.container_id

    async def check(self) -> None:
        """Raises SandboxGone unless it works."""
        if self._sandbox is None or self._over:
            raise SandboxGone("it is over")
        await self._sandbox.supervisor.stat("/")

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Sandbox]:
        """The sandbox, for its one use; it is gone when the context ends. Raises SandboxGone."""
        try:
            if self._sandbox is None or self._over:
                raise SandboxGone("it is over")
            yield self._sandbox
        finally:
            self.end()
            await self._ended.wait()

    def end(self) -> None:
        """Nobody needs it any more. Idempotent."""
        if not self._over:
            self._over = True
            self._asked.put_nowait(None)

    async def stay(self, sandbox: Sandbox) -> None:
        """For the task that keeps it open: return once it is over, and do meanwhile what must be done in that task."""
        sandbox.in_its_task = self._do
        self._sandbox = sandbox
        while (asked := await self._asked.get()) is not None:
            await _answer(*asked)

    def is_over(self) -> None:
        """Its container is gone."""
        self._over = True
        self._ended.set()
        while not self._asked.empty():
            if (asked := self._asked.get_nowait()) is not None and not asked[1].done():
                asked[1].set_exception(SandboxGone("it is over"))

    async def _do(self, step: Step) -> None:
        if self._over:
            raise SandboxGone("it is over")
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.put_nowait((step, answer))
        await answer


async def _answer(step: Step, answer: asyncio.Future[None]) -> None:
    try:
        await step()
    except BaseException as exc:
        cancelled = isinstance(exc, asyncio.CancelledError)
        if not answer.done():
            answer.set_exception(SandboxGone("its keeper was ended") if cancelled else exc)
        if cancelled:
            raise
    else:
        if not answer.done():
            answer.set_result(None)
