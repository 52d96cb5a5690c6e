"""A service started as a process: one that refuses to, what it says, and that nothing of it is left; one that waits."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from errand_common.service import WRONG_START

REFUSAL_S = 60.0
"""On a busy machine the imports alone take seconds."""


async def refused_start(
    service: str, settings: Mapping[str, object], *, before: tuple[str, ...] = (), code: int = WRONG_START
) -> str:
    """What `errand-<service>` says under these settings and no others. `before` is a command that starts it.

    Fails unless it ends with the exit code, by default that of a wrong start, without a trace in its data folder.
    """
    with tempfile.TemporaryDirectory() as scratch:
        environment = {"PATH": os.environ["PATH"], "TMPDIR": scratch, "ERRAND_LOG_FORMAT": "console"}
        process = await asyncio.create_subprocess_exec(
            *before,
            sys.executable,
            "-m",
            f"errand_{service}",
            env=environment | {name: str(value) for name, value in settings.items()},
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        said = await _last_words(process)
        assert list(Path(scratch).iterdir()) == []
    assert process.returncode == code, said
    assert _lives(process.pid) is False, "it left a process behind"
    if "ERRAND_DATA" in settings:
        assert traces(Path(str(settings["ERRAND_DATA"]))) == []
    return said


@dataclass(frozen=True)
class Started:
    """A service at work, and its log."""

    process: asyncio.subprocess.Process

    async def until(self, event: str) -> dict[str, object]:
        """The next line of its log that tells of this event."""
        assert self.process.stderr is not None
        async with asyncio.timeout(REFUSAL_S):
            while line := await self.process.stderr.readline():
                told: dict[str, object] = json.loads(line) if line.startswith(b"{") else {}
                if told.get("event") == event:
                    return told
        raise AssertionError(f"it ended before it told of {event}")

    async def ended(self) -> int:
        """By itself; its exit code."""
        await _last_words(self.process)
        assert self.process.returncode is not None
        return self.process.returncode

    async def stop(self) -> None:
        """As an operator would; fails unless it ends well."""
        self.process.send_signal(signal.SIGTERM)
        said = await _last_words(self.process)
        assert self.process.returncode == 0, said


@asynccontextmanager
async def started(service: str, settings: Mapping[str, object]) -> AsyncIterator[Started]:
    """`errand-<service>` under these settings and no others, ended at the end in any case."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"errand_{service}",
        env={"PATH": os.environ["PATH"]} | {name: str(value) for name, value in settings.items()},
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Started(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def traces(data: Path) -> list[Path]:
    """What only a running service has in its data folder."""
    if not data.exists():
        return []
    names = ("scheduler.address", "session")
    return [
        path
        for path in data.rglob("*")
        if path.is_socket() or path.suffix in (".lock", ".part", ".pid") or path.name in names
    ]


async def _last_words(process: asyncio.subprocess.Process) -> str:
    try:
        async with asyncio.timeout(REFUSAL_S):
            _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return said.decode()


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
