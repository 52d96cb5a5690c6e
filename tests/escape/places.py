"""Where a payload runs: a sandbox, through the tools that Claude has, or the unhardened container of a control."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Protocol

from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools import Outcome, Toolbox
from errand_runner.agent.transcript import ToolCall
from errand_runner.sandbox.docker import Sandbox


class ControlMissing(Exception):
    """This host cannot have the container of a control; says why."""


class Place(Protocol):
    """Gives pieces of what a command says as they come. Closing the iterator ends the command."""

    def run(self, command: str, *, timeout_s: int) -> AsyncIterator[str]: ...


class Inside:
    """A sandbox. Nothing is redacted, so that what leaks is seen."""

    def __init__(self, sandbox: Sandbox, secrets: Mapping[str, str]) -> None:
        """`secrets` are the project's that the agent may read."""
        self.sandbox = sandbox
        self._tools = Toolbox(sandbox.supervisor, workspace="/workspace", redactor=Redactor(), secrets=secrets)

    async def run(self, command: str, *, timeout_s: int) -> AsyncIterator[str]:
        async for piece in self.use("bash", {"command": command, "timeout_s": timeout_s}):
            yield piece

    async def use(self, tool: str, given: Mapping[str, object]) -> AsyncIterator[str]:
        """Live pieces, then the outcome, which repeats them."""
        async with aclosing(self._tools.run(ToolCall("toolu_escape", tool, dict(given)))) as pieces:
            async for piece in pieces:
                yield piece.text if isinstance(piece, Outcome) else piece

    async def say(self, command: str, *, timeout_s: int = 10) -> str:
        """All that it says."""
        return "".join([piece async for piece in self.run(command, timeout_s=timeout_s)])


class Outside:
    """A container that was made by `docker run`, without any of the sandbox's walls that its flags leave out."""

    def __init__(self, container_id: str) -> None:
        self._container_id = container_id

    @classmethod
    async def start(cls, image: str, flags: tuple[str, ...], *, label: str) -> "Outside":
        """Raises ControlMissing where the engine cannot start it."""
        argv = ["docker", "run", "--detach", "--label", label, *flags, image, "sleep", "600"]
        process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        said, error = await process.communicate()
        if process.returncode:
            raise ControlMissing(error.decode().strip().splitlines()[0].removesuffix(": unknown").rpartition(": ")[2])
        return cls(said.decode().split()[-1])

    async def run(self, command: str, *, timeout_s: int) -> AsyncIterator[str]:
        argv = ["docker", "exec", self._container_id, "timeout", str(timeout_s), "bash", "-c", command]
        process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.stdout is not None
        try:
            while data := await process.stdout.read(1 << 20):
                yield data.decode(errors="replace")
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
