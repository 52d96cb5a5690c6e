"""Which limit of the sandbox a command ran into: judged from what the kernel counted and how the command ended.

What is counted and said comes from inside and is untrusted: it decides what is told, and nothing else.
"""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, fields

from errand_common.disk import in_words
from errand_common.values import SandboxLimit
from errand_runner.sandbox.answers import Exit
from errand_runner.sandbox.frames import BrokenFrame, Frame
from errand_runner.sandbox.limits import Limits

# A build that keeps all CPUs busy is no news; one that is held back for half of a long while explains what is slow.
_LONG_S = 30.0
_MOSTLY = 0.5

# No kernel counts these two: the command says them, in words that libc gave it.
_FILE_TOO_LONG = "File too large"
_TOO_MANY_FILES = "Too many open files"


@dataclass(frozen=True)
class Counters:
    """What the kernel counted since the container was made."""

    memory_kills: int = 0
    refused_forks: int = 0
    cpu_periods: int = 0
    cpu_throttled: int = 0

    def since(self, before: "Counters") -> "Counters":
        """What came on top. Where one is lower than before, it is another container's, and all of it is new."""
        mine, others = self._values(), before._values()
        fresh = any(now < then for now, then in zip(mine, others, strict=True))
        return self if fresh else Counters(*(now - then for now, then in zip(mine, others, strict=True)))

    def _values(self) -> tuple[int, ...]:
        return tuple(getattr(self, each.name) for each in fields(self))


@dataclass(frozen=True)
class Hit:
    """A limit, and in words what came of it and what to do."""

    limit: SandboxLimit
    words: str


def counters_of(frame: Frame) -> Counters:
    """Raises BrokenFrame."""
    counted = [frame.whole(each.name) for each in fields(Counters)]
    if any(number < 0 for number in counted):
        raise BrokenFrame("a kernel counts up")
    return Counters(*counted)


def hits(counted: Counters, ended: Exit, said: str, limits: Limits) -> Iterator[Hit]:
    """What a command ran into. `counted` is what was counted meanwhile, `said` what it wrote."""
    if counted.memory_kills:
        who = "the command" if _killed(ended) else "a process in it"
        most = in_words(limits.memory_bytes)
        words = f"{who} was killed because the sandbox's memory limit of {most} was reached; use less at once"
        yield Hit(SandboxLimit.MEMORY, words)
    if counted.refused_forks:
        words = f"the sandbox's limit of {limits.pids} processes and threads was reached, so some could not be started"
        yield Hit(SandboxLimit.PROCESSES, words)
    if ended.duration_s >= _LONG_S and counted.cpu_throttled > counted.cpu_periods * _MOSTLY:
        words = f"it was slowed down: it needed more than the sandbox's {limits.cpus:g} CPUs most of the time"
        yield Hit(SandboxLimit.CPU, words)
    if _ended_by(ended, signal.SIGXFSZ) or (_failed(ended) and _FILE_TOO_LONG in said):
        words = f"a file would have become longer than a file may be in the sandbox, {in_words(limits.file_bytes)}"
        yield Hit(SandboxLimit.FILE_SIZE, words)
    if _failed(ended) and _TOO_MANY_FILES in said:
        words = f"it ran out of open files: one process in the sandbox may have {limits.open_files}"
        yield Hit(SandboxLimit.OPEN_FILES, words)


def _failed(ended: Exit) -> bool:
    return ended.code != 0


def _killed(ended: Exit) -> bool:
    return _ended_by(ended, signal.SIGKILL)


def _ended_by(ended: Exit, number: signal.Signals) -> bool:
    """Itself, or as a shell says it of what it ran."""
    return ended.signal == number or ended.code == 128 + number
