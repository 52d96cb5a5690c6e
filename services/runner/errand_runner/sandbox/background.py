"""Commands that outlive the call that started them, over a supervisor's line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from errand_runner.sandbox import frames
from errand_runner.sandbox.answers import JobState, job_state_of
from errand_runner.sandbox.frames import BrokenFrame, Frame
from errand_runner.sandbox.line import Line

# The answer to a wait comes so much after its time at the latest.
_WAIT_SPARE_S = 15.0


@dataclass(frozen=True)
class Output:
    """A piece of an output from `offset` on, which is later than asked for where what lies before is not kept."""

    offset: int
    data: bytes
    state: JobState


class Background:
    """Every method raises SandboxGone, and FileError: ESRCH without such a job, EAGAIN where there are too many."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def start(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        silence_s: float | None = None,
        folder: str,
        with_input: bool = False,
    ) -> int:
        """Starts a command and returns its number. Its output is kept in a file in `folder`, once it is long.

        Without limits it runs until it ends, is ended, or the sandbox is. `with_input` leaves its stdin open. Raises
        FileError when it cannot be started.
        """
        head: dict[str, object] = {
            "op": "start",
            "argv": list(argv),
            "cwd": cwd,
            "env": dict(env or {}),
            "timeout_s": timeout_s,
            "silence_s": silence_s,
            "keep": folder,
            "input": with_input,
        }
        return (await self._line.ask(head)).whole("id")

    async def output(self, job: int, *, offset: int, limit_bytes: int = frames.BODY_LIMIT_BYTES) -> Output:
        """What it has written from `offset` on, both streams as they came; nothing, where that is to come."""
        most = min(limit_bytes, frames.BODY_LIMIT_BYTES)
        frame = await self._line.ask({"op": "output", "job": job, "offset": offset, "max": most})
        try:
            state = _of(job, frame)
            found = Output(frame.whole("offset"), frame.body, state)
            if found.offset < offset or len(frame.body) > most:
                raise BrokenFrame("another piece of an output than was asked for")
        except BrokenFrame as exc:
            raise self._line.fail(str(exc)) from exc
        return found

    async def give(self, job: int, data: bytes, *, end: bool = False) -> None:
        """Writes to its stdin, then closes it if that is the end.

        FileError EAGAIN while it has not read enough of what it was given before, EPIPE once its stdin is closed.
        """
        await self._line.ask({"op": "input", "job": job, "end": end}, data)

    async def send_signal(self, job: int, number: int) -> None:
        """Sends a signal to the command and all below it; SIGKILL ends all of it. FileError ESRCH once it has ended."""
        await self._line.ask({"op": "signal", "job": job, "signal": number})

    async def jobs(self) -> list[JobState]:
        """Those that run, and the last that ended."""
        frame = await self._line.ask({"op": "jobs"})
        try:
            return [job_state_of(each) for each in frame.each("jobs")]
        except BrokenFrame as exc:
            raise self._line.fail(str(exc)) from exc

    async def wait(self, job: int, *, timeout_s: float, beyond: int | None = None) -> JobState:
        """How it stands at its end, once it has written more than `beyond` bytes, or after the time."""
        head: dict[str, object] = {"op": "wait", "job": job, "timeout_s": timeout_s, "beyond": beyond}
        frame = await self._line.ask(head, bound_s=timeout_s + _WAIT_SPARE_S)
        try:
            return _of(job, frame)
        except BrokenFrame as exc:
            raise self._line.fail(str(exc)) from exc


def _of(job: int, frame: Frame) -> JobState:
    state = job_state_of(frame)
    if state.job != job:
        raise BrokenFrame("another job than was asked for")
    return state
