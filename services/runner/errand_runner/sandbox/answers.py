"""What a supervisor answers, parsed from its frames; each parser raises BrokenFrame."""

import re
from dataclasses import dataclass

from errand_runner.sandbox.frames import BrokenFrame, Frame

# The same as in guest/told.py.
NOTE_BYTES = 4096

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class FileError(Exception):
    """The sandbox's kernel refused: `name` is the errno's name (ENOENT), the message says what about."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True)
class Chunk:
    """Bytes that a command wrote; fd is 1 or 2."""

    fd: int
    data: bytes


@dataclass(frozen=True)
class Gap:
    """So much of an output is not shown here: bytes, and line ends among them."""

    bytes: int
    lines: int


@dataclass(frozen=True)
class Kept:
    """What the sandbox has of an output of `size_bytes`: its first `kept_bytes`, in a file if it has a path.

    `trouble` says why not all of it; nothing, where it is longer than an output that is kept may be.
    """

    size_bytes: int
    kept_bytes: int
    path: str
    trouble: str


@dataclass(frozen=True)
class Exit:
    """How a command ended: by its own code or by a signal, one of the two; and the note that it left."""

    code: int | None
    signal: int | None
    timed_out: bool
    duration_s: float
    note: bytes = b""
    silent: bool = False
    """Killed since it said nothing for too long; `timed_out` is the time as a whole."""
    kept: Kept | None = None


@dataclass(frozen=True)
class JobState:
    """A command in the background. While it runs it has neither code nor signal."""

    job: int
    running: bool
    code: int | None
    signal: int | None
    timed_out: bool
    silent: bool
    duration_s: float
    output: Kept


@dataclass(frozen=True)
class Finished:
    """A command that ran to its end, with what it wrote, as much as whoever ran it wanted kept."""

    exit: Exit
    stdout: bytes
    stderr: bytes
    truncated: bool = False


@dataclass(frozen=True)
class Taken:
    """A checkpoint as it was made: a commit, empty where there was nothing to be made, on top of `head`; in words, what
    it lacks."""

    commit: str
    head: str
    left_out_count: int
    left_out: str


@dataclass(frozen=True)
class Stat:
    """What is known of a path, links followed."""

    size_bytes: int
    mtime_ns: int
    is_dir: bool


def chunk_of(frame: Frame) -> Chunk:
    fd = frame.whole("fd")
    if fd not in (1, 2) or not frame.body:
        raise BrokenFrame("output that no command can write")
    return Chunk(fd=fd, data=frame.body)


def exit_of(frame: Frame) -> Exit:
    code, signal = frame.whole_or_none("code"), frame.whole_or_none("signal")
    if (code is None) == (signal is None) or not 0 <= (code if code is not None else signal or 0) <= 255:
        raise BrokenFrame("an exit by neither or both of code and signal")
    if len(frame.body) > NOTE_BYTES:
        raise BrokenFrame(f"a note of {len(frame.body)} bytes")
    return Exit(
        code=code,
        signal=signal,
        timed_out=frame.flag("timed_out"),
        duration_s=frame.duration_s("duration_s"),
        note=frame.body,
        silent=frame.flag("silent"),
        kept=kept_of(frame),
    )


def taken_of(frame: Frame) -> Taken:
    commit, head = frame.text("commit"), frame.text("head")
    if not _COMMIT.fullmatch(head) or (commit and not _COMMIT.fullmatch(commit)):
        raise BrokenFrame("a checkpoint that is no commit")
    return Taken(commit, head, left_out_count=frame.whole("count"), left_out=frame.text("lacks"))


def gap_of(frame: Frame) -> Gap:
    gap = Gap(bytes=frame.whole("bytes"), lines=frame.whole("lines"))
    if frame.body or not 0 <= gap.lines <= gap.bytes:
        raise BrokenFrame("a gap that no output can have")
    return gap


def kept_of(frame: Frame) -> Kept | None:
    found = frame.within("output")
    if found is None:
        return None
    kept = Kept(found.whole("size"), found.whole("kept"), found.text("path")[:4096], found.text("trouble")[:1000])
    if not 0 <= kept.kept_bytes <= kept.size_bytes:
        raise BrokenFrame("more of an output is kept than there is")
    return kept


def error_of(frame: Frame) -> FileError:
    return FileError(frame.text("errno")[:40], frame.text("message")[:1000])


def stat_of(frame: Frame) -> Stat:
    return Stat(size_bytes=frame.whole("size"), mtime_ns=frame.whole("mtime_ns"), is_dir=frame.flag("is_dir"))


def job_state_of(frame: Frame) -> JobState:
    running, code, signal = frame.flag("running"), frame.whole_or_none("code"), frame.whole_or_none("signal")
    output = kept_of(frame)
    if output is None or running is not (code is None and signal is None) or not (code is None or signal is None):
        raise BrokenFrame("a job that neither runs nor ended")
    return JobState(
        job=frame.whole("job"),
        running=running,
        code=code,
        signal=signal,
        timed_out=frame.flag("timed_out"),
        silent=frame.flag("silent"),
        duration_s=frame.duration_s("duration_s"),
        output=output,
    )
