"""Tools over a folder of this host."""

import asyncio
from contextlib import aclosing
from pathlib import Path

from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools import Outcome, Toolbox
from errand_runner.agent.transcript import ToolCall
from errand_runner.sandbox.supervisor import Supervisor

SECRET = "ghs_c0ffeec0ffeec0ffee"


class Tools:
    """A toolbox over a folder of this host."""

    def __init__(self, supervisor: Supervisor, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        scratch = folder / "it's scratch"
        scratch.mkdir()
        redactor = Redactor([SECRET])
        self.steered = asyncio.Event()
        self.toolbox = Toolbox(
            supervisor,
            workspace=str(self.folder),
            redactor=redactor,
            scratch=str(scratch),
            steered=self._until_steered,
        )
        self.live = ""
        self.calls = 0

    async def __call__(self, name: str, **given: object) -> Outcome:
        self.live = ""
        self.calls += 1
        async with aclosing(self.toolbox.run(ToolCall(f"t{self.calls}", name, given))) as pieces:
            async for piece in pieces:
                if isinstance(piece, Outcome):
                    return piece
                self.live += piece
        raise AssertionError("a tool ends with its outcome")

    async def _until_steered(self) -> None:
        await self.steered.wait()
