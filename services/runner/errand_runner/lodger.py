"""An attempt as the lodger of its sandbox: where that goes, it moves to another one on the same workspace."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Self, TypeVar

import structlog

from errand_common.clock import Clock
from errand_runner.engine_outage import until_engine_answers
from errand_runner.lodging import Lodged, Lodging
from errand_runner.record import Recorder
from errand_runner.sandbox.docker import Engine, SandboxFailed
from errand_runner.sandbox.supervisor import SandboxGone

Answer = TypeVar("Answer")

Settle = Callable[[Lodged], Awaitable[Sequence[str]]]
"""Makes the workspace fit for use in a new sandbox; says what Claude should know where it is not the same any more."""

MOST_LOSSES = 3
"""So many sandboxes in a row, with nothing finished in between, and the attempt is given up."""

# What an engine refuses while it shuts down, it does not refuse for long.
_BETWEEN_LOSSES_S = 2.0


class Lodger:
    """Lives in one sandbox at a time while the context of `housed` lasts."""

    def __init__(
        self,
        lodging: Lodging,
        *,
        engine: Engine,
        patience_s: float,
        gate: Callable[[], Awaitable[None]],
        clock: Clock,
        recorder: Recorder,
        settle: Settle,
        between_s: float = _BETWEEN_LOSSES_S,
    ) -> None:
        self._lodging, self._engine, self._patience_s, self._gate = lodging, engine, patience_s, gate
        self._clock, self._recorder, self._settle, self._between_s = clock, recorder, settle, between_s
        self._stack = AsyncExitStack()
        self._lodged: Lodged | None = None
        self._last_id = ""
        self._losses = 0

    @asynccontextmanager
    async def housed(self) -> AsyncIterator[Self]:
        """Raises JournalFailed and what `Engine.open` raises; an attempt that began waits for its engine here too."""
        async with self._lodging.workspace():
            try:
                # One that did not may begin on another host meanwhile, and is given back at once.
                self._lodged = await (self._lasting(self._open) if self._recorder.began else self._open())
                yield self
            finally:
                await self._stack.aclose()

    @property
    def lodged(self) -> Lodged:
        """The sandbox of this moment, and its broker."""
        assert self._lodged is not None, "who is housed has a sandbox"
        return self._lodged

    @property
    def home(self) -> Lodged | None:
        """The same, where there is one: between two sandboxes there is none."""
        return self._lodged

    async def through(self, step: Callable[[Lodged], Awaitable[Answer]]) -> Answer:
        """The step's result; where the sandbox goes meanwhile, the step is done again in the next one.

        Raises what `move` does.
        """
        while True:
            try:
                answer = await step(self.lodged)
            except SandboxGone as exc:
                await self.move(exc)
            else:
                self.rest()
                return answer

    def rest(self) -> None:
        """Something was finished in the sandbox: it serves."""
        self._losses = 0

    async def move(self, gone: SandboxGone) -> Sequence[str]:
        """Into the same container where only the engine was away, else into a new sandbox on the same workspace; what
        `settle` said.

        Raises SandboxFailed where sandboxes keep dying, JournalFailed, and what `Engine.open` and `settle` raise.
        """
        loss: SandboxGone | SandboxFailed = gone
        while True:
            structlog.get_logger().warning("sandbox_lost", reason=str(loss))
            self._losses += 1
            if self._losses >= MOST_LOSSES:
                raise SandboxFailed(f"it was lost {self._losses} times in a row, at last because {loss}") from loss
            try:
                await self._renew(str(loss))
                return await self._settle(self.lodged)
            except (SandboxGone, SandboxFailed) as exc:
                loss = exc
            await asyncio.sleep(self._between_s)

    async def _renew(self, reason: str) -> None:
        if self._lodged is not None and await self._engine_was_away():
            sandbox, _ = self._lodged
            try:
                await self._lasting(sandbox.reattach)
            except SandboxFailed as exc:
                reason = f"the Docker engine was away, and {exc}"
            else:
                await self._recorder.sandbox_adopted(sandbox.sandbox_id)
                return
        await self._replace(reason)

    async def _replace(self, reason: str) -> None:
        if self._lodged is not None:
            self._last_id, self._lodged = self._lodged[0].sandbox_id, None
        await self._stack.aclose()
        self._lodged = sandbox, _ = await self._lasting(partial(self._lodging.open_new, self._stack))
        await self._recorder.sandbox_replaced(
            sandbox.sandbox_id, sandbox.container_id, replaced_id=self._last_id, reason=reason
        )

    async def _engine_was_away(self) -> bool:
        found_away = False

        async def away(reason: str, patience_s: float) -> None:
            nonlocal found_away
            found_away = True
            await self._recorder.engine_away(reason, patience_s)

        await self._lasting(self._engine.check_answers, away=away)
        return found_away

    async def _open(self) -> Lodged:
        return await self._lodging.open(self._stack)

    async def _lasting(
        self,
        step: Callable[[], Awaitable[Answer]],
        *,
        away: Callable[[str, float], Awaitable[None]] | None = None,
    ) -> Answer:
        async def passed() -> Answer:
            await self._gate()
            return await step()

        return await until_engine_answers(
            passed, patience_s=self._patience_s, clock=self._clock, away=away or self._recorder.engine_away
        )
