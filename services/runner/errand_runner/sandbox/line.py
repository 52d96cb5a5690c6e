"""The line to a supervisor: frames out, frames in, and who waits for which."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from errand_runner.sandbox import frames
from errand_runner.sandbox.answers import Chunk, Exit, FileError, Gap, chunk_of, error_of, exit_of, gap_of
from errand_runner.sandbox.frames import BrokenFrame, Frame
from errand_runner.sandbox.running_time import RunningTime

# Output under way per job. A slow reader stops its own job, and no other.
WINDOW_BYTES = 1024 * 1024
# Charged per frame of output beside its bytes, on both ends (guest/outlet.py has the same).
_FRAME_COST_BYTES = 256
# A piece of an output's end is sent whole while room for one byte is left (guest/tail.py).
MOST_OVERDRAWN_BYTES = 64 * 1024 + _FRAME_COST_BYTES
# What was read is lent again in sums of this: each is a frame to read for the other end.
_CREDIT_BYTES = WINDOW_BYTES // 4

# More at once are a mistake of ours: each tool call and each git command is one.
_MOST_WAITING = 512

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
class Job:
    """A command whose output comes over the line."""

    id: int
    # Bounded by the window: each item is paid for, and a supervisor that overdraws is cut off.
    items: asyncio.Queue[Chunk | Gap | Exit | Exception] = field(default_factory=asyncio.Queue)
    credit: int = WINDOW_BYTES
    read_bytes: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    abandoned: bool = False


class Line:
    """Requests and their answers over a pair of streams; every method raises SandboxGone once it is broken."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._replies: dict[int, asyncio.Future[Frame]] = {}
        self._gone: SandboxGone | None = None
        self._time = RunningTime()

    async def listen(self) -> None:
        """Takes what comes, until the line breaks."""
        try:
            while True:
                self._take(await frames.read(self._reader))
        except BrokenFrame as exc:
            self.fail(f"the supervisor broke the protocol: {exc}")
        except (EOFError, OSError):
            self.fail("the supervisor ended")

    async def ask(self, head: dict[str, object], body: bytes = b"", *, bound_s: float = _REPLY_S) -> Frame:
        """The answer to a request. Raises FileError where it is refused."""
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
            raise self.fail(f"the supervisor did not answer {head['op']} within {bound_s:g} s") from exc
        finally:
            # Nobody waits for it any more, whatever comes.
            reply.cancel()

    async def follow(
        self, head: dict[str, object], stdin: bytes, *, timeout_s: float
    ) -> AsyncGenerator[Chunk | Gap | Exit]:
        """What a command says, then its Exit; closing it kills the command. Raises FileError."""
        self._check()
        job = Job(next(self._ids))
        self._jobs[job.id] = job
        deadline_s = self._time.now_s() + timeout_s
        try:
            await self._send(head | {"id": job.id, "timeout_s": timeout_s, "window": WINDOW_BYTES}, stdin)
            while True:
                item = await self._next(job, deadline_s=deadline_s)
                yield item
                if isinstance(item, Exit):
                    return
        finally:
            await self._end(job)

    async def hold(self) -> None:
        """No time limit runs until `go_on`."""
        if not self._gone and not self._time.held:
            with suppress(SandboxGone, TimeoutError):
                async with asyncio.timeout(_HOLD_S):
                    await self.ask({"op": "hold"})
            self._time.hold()

    def go_on(self) -> None:
        """Time runs again."""
        if not self._gone and self._time.held:
            self._writer.write(frames.encode({"op": "go_on"}))
            self._time.go_on()

    def close(self) -> None:
        """Ends it; whoever still waits is told so."""
        self.fail("this sandbox was closed")
        self._writer.close()

    def fail(self, reason: str) -> SandboxGone:
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

    async def _next(self, job: Job, *, deadline_s: float) -> Chunk | Gap | Exit:
        try:
            async with self._time.limit(max(deadline_s, self._time.now_s()) + _LATE_S):
                item = await job.items.get()
        except TimeoutError as exc:
            raise self.fail(f"the supervisor did not end a job {_LATE_S:g} s after its time") from exc
        if isinstance(item, Exception):
            raise item
        if not isinstance(item, Exit):
            self._credit(job, (len(item.data) if isinstance(item, Chunk) else 0) + _FRAME_COST_BYTES)
        return item

    def _credit(self, job: Job, size: int) -> None:
        job.read_bytes += size
        if job.read_bytes >= _CREDIT_BYTES and not job.over.is_set():
            job.credit += job.read_bytes
            self._writer.write(frames.encode({"op": "more", "id": job.id, "bytes": job.read_bytes}))
            job.read_bytes = 0

    async def _end(self, job: Job) -> None:
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
            self.fail(f"the supervisor did not kill a job within {_KILL_S:g} s")

    async def _send(self, head: Mapping[str, object], body: bytes) -> None:
        try:
            self._writer.write(frames.encode(head, body))
            async with self._time.limit(self._time.now_s() + _REPLY_S):
                await self._writer.drain()
        except (OSError, TimeoutError) as exc:
            raise self.fail(f"the supervisor takes no more: {exc!r}") from exc

    def _take(self, frame: Frame) -> None:
        request = frame.whole("id")
        if request in self._jobs:
            self._take_for_job(self._jobs[request], frame)
        elif request in self._replies:
            _settle(self._replies[request], frame)
            del self._replies[request]
        else:
            raise BrokenFrame(f"an answer to request {request}, which is not open")

    def _take_for_job(self, job: Job, frame: Frame) -> None:
        item: Chunk | Gap | Exit | FileError
        match frame.text("op"):
            case "out" | "gap" as op:
                item = chunk_of(frame) if op == "out" else gap_of(frame)
                job.credit -= len(frame.body) + _FRAME_COST_BYTES
                # The last frame may overdraw: it is sent while room for one byte is left.
                if job.credit < -MOST_OVERDRAWN_BYTES:
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

    def _close(self, job: Job) -> None:
        del self._jobs[job.id]
        job.over.set()

    def _check(self) -> None:
        if self._gone:
            raise SandboxGone(str(self._gone))
        if len(self._jobs) + len(self._replies) >= _MOST_WAITING:
            raise FileError("EAGAIN", f"{_MOST_WAITING} requests to this sandbox wait for their answers already")


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
