"""The runner's end of the line into a sandbox: run commands, read and write files.

`guest` is the other end. Nothing here knows Docker: a Supervisor works over any pair of streams.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self

from errand_runner.sandbox import frames
from errand_runner.sandbox.answers import Chunk, Exit, FileError, Finished, Gap, Kept, Stat, stat_of
from errand_runner.sandbox.background import Background
from errand_runner.sandbox.frames import BrokenFrame
from errand_runner.sandbox.hits import Counters, counters_of
from errand_runner.sandbox.line import Line, SandboxGone
from errand_runner.sandbox.look import Look

__all__ = ["Chunk", "Exit", "FileError", "Finished", "Gap", "Kept", "SandboxGone", "Stat", "Supervisor"]

VERSION = 6

# What one write or one stdin may hold; it travels in a single frame.
WRITE_LIMIT_BYTES = 16 * 1024 * 1024

_HELLO_S = 15.0


class Supervisor:
    """One supervisor, used as a context. Calls may run side by side; all raise SandboxGone once it is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._line = Line(reader, writer)
        self._tasks = asyncio.TaskGroup()
        self.background = Background(self._line)
        self.look = Look(self._line)

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._listener = self._tasks.create_task(self._line.listen())
        try:
            frame = await self._line.ask({"op": "hello", "version": VERSION}, bound_s=_HELLO_S)
            if frame.head.get("version") != VERSION:
                raise SandboxGone(f"the supervisor speaks version {frame.head.get('version')!r}, not {VERSION}")
        except BaseException as exc:
            await self.__aexit__(type(exc), exc, exc.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._line.close()
        self._listener.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None = None,
        timeout_s: float,
        silence_s: float | None = None,
        stdin: bytes = b"",
        note: str = "",
    ) -> AsyncGenerator[Chunk | Exit]:
        """Runs a command; yields its output as it comes, whole, last of all its Exit.

        `env` is added to the sandbox's own. After `silence_s` without output it is killed, as after `timeout_s`. `note`
        is the path of a file that the command may leave; it goes, and the Exit has its first NOTE_BYTES. When the
        command ends, whatever it left running is killed. Closing the generator (use `aclosing`), or cancelling, kills
        the whole tree before it returns. Raises FileError when the command cannot be started.
        """
        head = _order(argv, cwd=cwd, env=env, silence_s=silence_s, note=note)
        _check_size(stdin)
        async with aclosing(self._line.follow(head, stdin, timeout_s=timeout_s)) as items:
            async for item in items:
                if isinstance(item, Gap):
                    raise self._line.fail("the supervisor left out output that was to come whole")
                yield item

    def run_kept(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None = None,
        timeout_s: float,
        silence_s: float | None = None,
        note: str = "",
        folder: str,
        live_bytes: int,
    ) -> AsyncGenerator[Chunk | Gap | Exit]:
        """As `run`, with the output kept in a file in `folder`, which the Exit names; a short one needs none.

        It comes as it is written up to `live_bytes`; then only a Gap and its last bytes come, at the end.
        """
        head = _order(argv, cwd=cwd, env=env, silence_s=silence_s, note=note)
        return self._line.follow(head | {"keep": folder, "live": live_bytes}, b"", timeout_s=timeout_s)

    async def capture(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None = None,
        timeout_s: float,
        limit_bytes: int = 1 << 20,
    ) -> Finished:
        """Runs a command to its end and keeps the first `limit_bytes` of each output."""
        kept = {1: bytearray(), 2: bytearray()}
        truncated = False
        async with aclosing(self.run(argv, cwd=cwd, env=env, timeout_s=timeout_s)) as items:
            async for item in items:
                if isinstance(item, Exit):
                    return Finished(item, bytes(kept[1]), bytes(kept[2]), truncated)
                room = limit_bytes - len(kept[item.fd])
                truncated = truncated or len(item.data) > room
                kept[item.fd] += item.data[:room]
        raise AssertionError("run yields an Exit last")

    async def read(self, path: str, *, limit_bytes: int) -> bytes:
        """The first `limit_bytes` of a regular file. Raises FileError."""
        data = bytearray()
        while len(data) < limit_bytes:
            most = min(limit_bytes - len(data), frames.BODY_LIMIT_BYTES)
            frame = await self._line.ask({"op": "read", "path": path, "offset": len(data), "max": most})
            if len(frame.body) > most:
                raise self._line.fail(f"asked for {most} bytes of a file, the supervisor sent {len(frame.body)}")
            if not frame.body:
                break
            data += frame.body
        return bytes(data)

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Replaces a file at once, making its folders. `mode` is for a new file; an existing one keeps its own.

        Raises FileError; ValueError above WRITE_LIMIT_BYTES.
        """
        _check_size(data)
        await self._line.ask({"op": "write", "path": path, "mode": mode}, data)

    async def stat(self, path: str) -> Stat:
        """Raises FileError, ENOENT when there is nothing."""
        frame = await self._line.ask({"op": "stat", "path": path})
        try:
            return stat_of(frame)
        except BrokenFrame as exc:
            raise self._line.fail(str(exc)) from exc

    async def counters(self) -> Counters:
        """What the kernel counted of limits that the sandbox ran into."""
        frame = await self._line.ask({"op": "counters"})
        try:
            return counters_of(frame)
        except BrokenFrame as exc:
            raise self._line.fail(str(exc)) from exc

    async def kill_all(self) -> None:
        """Kills every command that runs, with all it started; each ends with its Exit, as by any other signal."""
        await self._line.ask({"op": "kill_all"})

    async def hold(self) -> None:
        """The sandbox is about to be paused: no time limit of a call or command runs until `go_on`. Idempotent."""
        await self._line.hold()

    def go_on(self) -> None:
        """The sandbox runs again. Idempotent."""
        self._line.go_on()


def _order(
    argv: Sequence[str], *, cwd: str, env: Mapping[str, str] | None, silence_s: float | None, note: str
) -> dict[str, object]:
    return {
        "op": "run",
        "argv": list(argv),
        "cwd": cwd,
        "env": dict(env or {}),
        "silence_s": silence_s,
        "note": note,
        "keep": "",
        "live": 0,
    }


def _check_size(data: bytes) -> None:
    if len(data) > WRITE_LIMIT_BYTES:
        raise ValueError(f"{len(data)} bytes are too many for one frame; at most {WRITE_LIMIT_BYTES} fit")
