"""The runner's end of the line into a sandbox: run commands, read and write files.

`guest` is the other end. Nothing here knows Docker: a Supervisor works over any pair of streams.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import structlog

from errand_runner.sandbox import frames
from errand_runner.sandbox.answers import Chunk, Exit, FileError, Finished, Stat, chunk_of, error_of, exit_of, stat_of
from errand_runner.sandbox.frames import BrokenFrame, Frame
from errand_runner.sandbox.running_time import RunningTime

__all__ = ["Chunk", "Exit", "FileError", "Finished", "SandboxGone", "Stat", "Supervisor"]

VERSION = 3

# What one write or one stdin may hold; it travels in a single frame.
WRITE_LIMIT_BYTES = 16 * 1024 * 1024

# Output under way per job. A slow reader stops its own job, and no other.
_WINDOW_BYTES = 1024 * 1024
# Charged per frame of output beside its bytes, on both ends (guest/outlet.py has the same).
_FRAME_COST_BYTES = 256
# What was read is lent again in sums of this: each is a frame to read for the other end.
_CREDIT_BYTES = _WINDOW_BYTES // 4

_HELLO_S = 15.0
_REPLY_S = 60.0
# The supervisor times jobs itself; past this on top of it, it no longer works.
_LATE_S = 10.0
_KILL_S = 5.0
# It is paused all the same after this; then it may count some of the pause against its jobs.
_HOLD_S = 2.0

_log = structlog.get_logger()


class SandboxGone(Exception):
    """The supervisor cannot be reached any more, or no longer makes sense: replace the sandbox."""


@dataclass
class _Job:
    id: int
    # Bounded by the window: each item is paid for, and a supervisor that overdraws is cut off.
    items: asyncio.Queue[Chunk | Exit | Exception] = field(default_factory=asyncio.Queue)
    credit: int = _WINDOW_BYTES
    read_bytes: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    abandoned: bool = False


class Supervisor:
    """One supervisor, used as a context. Calls may run side by side; all raise SandboxGone once it is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = itertools.count(1)
        self._jobs: dict[int, _Job] = {}
        self._replies: dict[int, asyncio.Future[Frame]] = {}
        self._gone: SandboxGone | None = None
        self._time = RunningTime()
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._listener = self._tasks.create_task(self._listen())
        try:
            frame = await self._ask({"op": "hello", "version": VERSION}, bound_s=_HELLO_S)
            if frame.head.get("version") != VERSION:
                raise SandboxGone(f"the supervisor speaks version {frame.head.get('version')!r}, not {VERSION}")
        except BaseException as exc:
            await self.__aexit__(type(exc), exc, exc.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._gone = self._gone or SandboxGone("this sandbox was closed")
        self._fail(str(self._gone))
        self._listener.cancel()
        self._writer.close()
        await self._tasks.__aexit__(None, None, None)

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None = None,
        timeout_s: float,
        stdin: bytes = b"",
        note: str = "",
    ) -> AsyncGenerator[Chunk | Exit, None]:
        """Runs a command; yields its output as it comes, last of all its Exit.

        `env` is added to the sandbox's own. `note` is the path of a file that the command may leave; it goes, and the
        Exit has its first NOTE_BYTES. When the command ends, whatever it left running is killed. Closing the generator
        (use `aclosing`), or cancelling, kills the whole tree before it returns. Raises FileError when the command
        cannot be started.
        """
        _check_size(stdin)
        self._check()
        job = _Job(next(self._ids))
        self._jobs[job.id] = job
        head = {
            "op": "run",
            "id": job.id,
            "argv": list(argv),
            "cwd": cwd,
            "env": dict(env or {}),
            "timeout_s": timeout_s,
            "window": _WINDOW_BYTES,
            "note": note,
        }
        deadline_s = self._time.now_s() + timeout_s
        try:
            await self._send(head, stdin)
            while True:
                item = await self._next(job, deadline_s=deadline_s)
                yield item
                if isinstance(item, Exit):
                    return
        finally:
            await self._end(job)

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
            frame = await self._ask({"op": "read", "path": path, "offset": len(data), "max": most})
            if len(frame.body) > most:
                raise self._fail(f"asked for {most} bytes of a file, the supervisor sent {len(frame.body)}")
            if not frame.body:
                break
            data += frame.body
        return bytes(data)

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Replaces a file at once, making its folders. `mode` is for a new file; an existing one keeps its own.

        Raises FileError; ValueError above WRITE_LIMIT_BYTES.
        """
        _check_size(data)
        await self._ask({"op": "write", "path": path, "mode": mode}, data)

    async def stat(self, path: str) -> Stat:
        """Raises FileError, ENOENT when there is nothing."""
        frame = await self._ask({"op": "stat", "path": path})
        try:
            return stat_of(frame)
        except BrokenFrame as exc:
            raise self._fail(str(exc)) from exc

    async def hold(self) -> None:
        """The sandbox is about to be paused: no time limit of a call or command runs until `go_on`. Idempotent."""
        if not self._gone and not self._time.held:
            with suppress(SandboxGone, TimeoutError):
                async with asyncio.timeout(_HOLD_S):
                    await self._ask({"op": "hold"})
            self._time.hold()

    def go_on(self) -> None:
        """The sandbox runs again. Idempotent."""
        if not self._gone and self._time.held:
            self._writer.write(frames.encode({"op": "go_on"}))
            self._time.go_on()

    async def _next(self, job: _Job, *, deadline_s: float) -> Chunk | Exit:
        try:
            async with self._time.limit(max(deadline_s, self._time.now_s()) + _LATE_S):
                item = await job.items.get()
        except TimeoutError as exc:
            raise self._fail(f"the supervisor did not end a job {_LATE_S:g} s after its time") from exc
        if isinstance(item, Exception):
            raise item
        if isinstance(item, Chunk):
            self._credit(job, len(item.data) + _FRAME_COST_BYTES)
        return item

    def _credit(self, job: _Job, size: int) -> None:
        job.read_bytes += size
        if job.read_bytes >= _CREDIT_BYTES and not job.over.is_set():
            job.credit += job.read_bytes
            self._writer.write(frames.encode({"op": "more", "id": job.id, "bytes": job.read_bytes}))
            job.read_bytes = 0

    async def _end(self, job: _Job) -> None:
        """Kills what still runs of a job and waits until it is dead, or until it is clear that it cannot be."""
        if job.over.is_set():
            return
        job.abandoned = True
        self._writer.write(frames.encode({"op": "kill", "id": job.id}))
        try:
            # Whoever gives a job up while the sandbox is paused gives the sandbox up.
            async with asyncio.timeout(0 if self._time.held else _KILL_S):
                await job.over.wait()
        except TimeoutError:
            self._fail(f"the supervisor did not kill a job within {_KILL_S:g} s")

    async def _ask(self, head: dict[str, object], body: bytes = b"", *, bound_s: float = _REPLY_S) -> Frame:
        self._check()
        request = next(self._ids)
        # Stays here until it is answered, also when the caller has been cancelled: the answer is then expected still.
        reply: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._replies[request] = reply
        try:
            async with self._time.limit(self._time.now_s() + bound_s):
                await self._send(head | {"id": request}, body)
                return await reply
        except TimeoutError as exc:
            raise self._fail(f"the supervisor did not answer {head['op']} within {bound_s:g} s") from exc
        finally:
            # Nobody waits for it any more, whatever comes.
            reply.cancel()

    async def _send(self, head: Mapping[str, object], body: bytes) -> None:
        try:
            self._writer.write(frames.encode(head, body))
            async with self._time.limit(self._time.now_s() + _REPLY_S):
                await self._writer.drain()
        except (OSError, TimeoutError) as exc:
            raise self._fail(f"the supervisor takes no more: {exc!r}") from exc

    async def _listen(self) -> None:
        try:
            while True:
                self._take(await frames.read(self._reader))
        except BrokenFrame as exc:
            self._fail(f"the supervisor broke the protocol: {exc}")
        except (EOFError, OSError):
            self._fail("the supervisor ended")

    def _take(self, frame: Frame) -> None:
        request = frame.whole("id")
        if request in self._jobs:
            self._take_for_job(self._jobs[request], frame)
        elif request in self._replies:
            _settle(self._replies[request], frame)
            del self._replies[request]
        else:
            raise BrokenFrame(f"an answer to request {request}, which is not open")

    def _take_for_job(self, job: _Job, frame: Frame) -> None:
        match frame.text("op"):
            case "out":
                item: Chunk | Exit | FileError = chunk_of(frame)
                job.credit -= len(frame.body) + _FRAME_COST_BYTES
                # The last frame may overdraw by its own cost: it is sent while room for one byte is left.
                if job.credit < -_FRAME_COST_BYTES:
                    raise BrokenFrame("more output than was asked for")
            case "exit":
                item = exit_of(frame)
                self._close(job)
            case "error":
                item = error_of(frame)
                self._close(job)
            case other:
                raise BrokenFrame(f"a job answers with {other[:40]!r}")
        if not job.abandoned:
            job.items.put_nowait(item)

    def _close(self, job: _Job) -> None:
        del self._jobs[job.id]
        job.over.set()

    def _check(self) -> None:
        if self._gone:
            raise SandboxGone(str(self._gone))

    def _fail(self, reason: str) -> SandboxGone:
        """Marks the sandbox gone and tells everyone who waits; later calls change nothing. Returns what to raise."""
        if self._gone is None:
            self._gone = SandboxGone(reason)
            _log.debug("supervisor_gone", reason=reason)
            # Its stdin ends with this, and it ends its jobs.
            self._writer.close()
        for job in list(self._jobs.values()):
            self._close(job)
            job.items.put_nowait(SandboxGone(str(self._gone)))
        while self._replies:
            _, reply = self._replies.popitem()
            if not reply.done():
                reply.set_exception(SandboxGone(str(self._gone)))
        return SandboxGone(str(self._gone))


def _settle(reply: asyncio.Future[Frame], frame: Frame) -> None:
    op = frame.text("op")
    error = error_of(frame) if op == "error" else None
    if op not in ("ok", "hello", "error"):
        raise BrokenFrame(f"a request is answered with {op[:40]!r}")
    if reply.done():
        return
    if error:
        reply.set_exception(error)
    else:
        reply.set_result(frame)


def _check_size(data: bytes) -> None:
    if len(data) > WRITE_LIMIT_BYTES:
        raise ValueError(f"{len(data)} bytes are too many for one frame; at most {WRITE_LIMIT_BYTES} fit")
