"""Tools that outlive the sandbox in which they run: a call whose sandbox goes is answered, and the next one runs."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress

from errand_runner.agent.tools import Outcome, Toolbox
from errand_runner.agent.transcript import INTERRUPTED, ToolCall
from errand_runner.lodger import Lodger
from errand_runner.sandbox.docker import Sandbox
from errand_runner.sandbox.supervisor import SandboxGone

OPENED_ANEW = (
    "The sandbox was lost and opened anew: what ran in it has ended, background jobs too. The files in your working"
    " folder are kept; others, in /tmp for one, may be gone."
)
WHERE = "The working folder is {folder} again."


async def _at_once() -> None:
    """Nobody else is at the working tree."""


class LodgedTools:
    """A toolbox over the lodger's sandbox of the moment; it remembers nothing of the one before."""

    def __init__(
        self,
        lodger: Lodger,
        *,
        workspace: str,
        new_toolbox: Callable[[Sandbox], Toolbox],
        ready: Callable[[], Awaitable[None]] = _at_once,
    ) -> None:
        """`ready` returns when a tool may change the working tree."""
        self._lodger, self._workspace, self._new_toolbox, self._ready = lodger, workspace, new_toolbox, ready
        self._toolbox = new_toolbox(lodger.lodged[0])
        self._moving = asyncio.Lock()
        self._notes: Sequence[str] = ()

    async def run(self, call: ToolCall) -> AsyncGenerator[str | Outcome]:
        """As `Toolbox.run`, but a sandbox that goes is an outcome too. Raises what `Lodger.move` does."""
        await self._ready()
        toolbox = self._toolbox
        try:
            async with aclosing(toolbox.run(call)) as pieces:
                async for piece in pieces:
                    yield piece
            self._lodger.rest()
        except SandboxGone as exc:
            yield await self._answer(exc, toolbox)

    async def end_turn(self) -> None:
        """As `Toolbox.end_turn`; in a sandbox that is gone nothing runs, and whoever needs it next has it replaced."""
        with suppress(SandboxGone):
            await self._toolbox.end_turn()

    async def _answer(self, gone: SandboxGone, toolbox: Toolbox) -> Outcome:
        """Of several calls that lose the same sandbox, the first moves."""
        async with self._moving:
            if toolbox is self._toolbox:
                self._notes = await self._lodger.move(gone)
                self._toolbox = self._new_toolbox(self._lodger.lodged[0])
            told = " ".join([*(self._notes or [OPENED_ANEW]), WHERE.format(folder=self._workspace)])
        return Outcome(f"{INTERRUPTED}\n{told}", is_error=True, is_interrupted=True)
