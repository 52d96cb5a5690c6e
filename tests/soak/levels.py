"""How much memory and how many open files each service has, and whether they grow."""

import asyncio
import os
from itertools import pairwise
from statistics import mean

from tests.chaos.memory import resident_mib
from tests.demo.stack import SERVICES, Stack

_EVERY_S = 5.0
_GROWTH = 1.1
_GROWTH_MIB = 8.0
_GROWTH_FILES = 32.0
"""What the second half of the time may have above the first, at the same load."""


class Levels:
    """Looks while nothing of the services is killed."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._memory: dict[str, list[float]] = {name: [] for name in SERVICES}
        self._files: dict[str, list[float]] = {name: [] for name in SERVICES}

    async def look(self) -> None:
        """For ever."""
        while True:
            for name in SERVICES:
                self._memory[name].append(resident_mib(self._stack, name))
                self._files[name].append(len(os.listdir(f"/proc/{self._stack.processes.running[name].pid}/fd")))
            await asyncio.sleep(_EVERY_S)

    def grown(self) -> list[str]:
        """In words: what had not come to its level in the first half."""
        return [
            *_grown(self._memory, "MiB", _GROWTH, _GROWTH_MIB),
            *_grown(self._files, "open files", _GROWTH, _GROWTH_FILES),
        ]

    def lines(self) -> list[str]:
        """One for each service: the means of the quarters."""
        return [
            f"{name:10} {_course(self._memory[name], 'MiB')}, {_course(self._files[name], 'open files')}"
            for name in SERVICES
        ]


def _grown(levels: dict[str, list[float]], unit: str, factor: float, more: float) -> list[str]:
    found = []
    for name, seen in levels.items():
        first, second = _means(seen, 2)
        if second > first * factor + more:
            found.append(f"{name} grew: {_course(seen, unit)}")
    return found


def _course(seen: list[float], unit: str) -> str:
    return f"{' -> '.join(f'{level:.0f}' for level in _means(seen, 4))} {unit}"


def _means(seen: list[float], parts: int) -> list[float]:
    """Of so many equal parts of the time."""
    ends = [round(part * len(seen) / parts) for part in range(parts + 1)]
    return [mean(seen[start:end]) for start, end in pairwise(ends)]
