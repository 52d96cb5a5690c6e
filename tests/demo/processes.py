"""Child processes of a running Errand: started in a session of their own, awaited until ready, always ended."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from tests.demo.forked import Forked

READY_S = 60.0
STOP_S = 20.0


class ProcessFailed(Exception):
    """A process did not come up or ended on its own; the message shows the end of its log."""


class Child(Protocol):
    """What is used here of a process; `asyncio.subprocess.Process` is one."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    @property
    def stdout(self) -> asyncio.StreamReader | None: ...
    async def wait(self) -> int: ...
    def send_signal(self, signal: int, /) -> None: ...
    def kill(self) -> None: ...


class Start(Protocol):
    """Starts `python -m MODULE ARGUMENTS...` in a session of its own, with a pipe to its standard output."""

    async def __call__(self, module: str, *arguments: str, env: Mapping[str, str], log: IO[bytes]) -> Child: ...


async def from_nothing(module: str, *arguments: str, env: Mapping[str, str], log: IO[bytes]) -> Child:
    """An interpreter that imports everything, as in production."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    )


@dataclass
class Processes:
    """All children, by name. Each writes its log to a file in `folder`; stopping goes in reverse order of starting."""

    folder: Path
    begin: Start = from_nothing
    running: dict[str, Child] = field(default_factory=dict)

    async def start(self, name: str, module: str, *arguments: str, env: Mapping[str, str]) -> Child:
        """Start `python -m …`. It does not get the terminal's Ctrl-C: whoever stops the parent stops it in order."""
        with self.log_of(name).open("ab") as log:
            process = await self.begin(module, *arguments, env={**_inherited(), **env}, log=log)
        self.running[name] = process
        return process

    async def first_line(self, name: str) -> dict[str, str]:
        """The JSON line that a stand-in prints when it serves."""
        stdout = self.running[name].stdout
        assert stdout is not None
        try:
            async with asyncio.timeout(READY_S):
                line = await stdout.readline()
        except TimeoutError as exc:
            raise self.failure(name, f"said nothing within {READY_S:.0f} s") from exc
        if not line:
            raise self.failure(name, "ended")
        found: dict[str, str] = json.loads(line)
        return found

    async def file(self, name: str, path: Path) -> str:
        """The content of a file that a service writes when it serves."""
        try:
            async with asyncio.timeout(READY_S):
                while not (path.exists() and path.read_text().strip()):
                    if self.running[name].returncode is not None:
                        raise self.failure(name, "ended")
                    await asyncio.sleep(0.05)
        except TimeoutError as exc:
            raise self.failure(name, f"did not serve within {READY_S:.0f} s") from exc
        return path.read_text().strip()

    async def logged(self, name: str, event: str) -> None:
        """Wait until a service's log tells of an event."""
        log = self.log_of(name)
        try:
            async with asyncio.timeout(READY_S):
                while not (log.exists() and f'"event":"{event}"' in log.read_text()):
                    await asyncio.sleep(0.05)
        except TimeoutError as exc:
            raise self.failure(name, f"did not log {event} within {READY_S:.0f} s") from exc

    async def stop(self, name: str) -> None:
        """End one process and wait for it: SIGTERM, after a while SIGKILL. Unknown or ended ones are ignored."""
        process = self.running.pop(name, None)
        if process is None:
            return
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        _close(process)

    async def kill(self, name: str) -> None:
        """End one process without warning, as a crash would."""
        process = self.running.pop(name)
        process.kill()
        await process.wait()
        _close(process)

    async def stop_all(self) -> None:
        """End every process, the last started first."""
        for name in reversed(list(self.running)):
            await self.stop(name)

    def log_of(self, name: str) -> Path:
        """Where a process logs."""
        return self.folder / f"{name}.log"

    def failure(self, name: str, what: str) -> ProcessFailed:
        """The error that says what became of a process."""
        tail = "\n".join(self.log_of(name).read_text(errors="replace").splitlines()[-15:])
        return ProcessFailed(f"{name} {what}; the end of its log:\n{tail}")


def _inherited() -> dict[str, str]:
    """The environment without settings of Errand's, which would reach into a run that brings its own."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("ERRAND_", "ANTHROPIC_"))}


def _close(process: Child) -> None:
    # asyncio closes the pipe's transport only when its end was read.
    pipes = process if isinstance(process, Forked) else getattr(process, "_transport", None)
    if pipes is not None:
        pipes.close()
