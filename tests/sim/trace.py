"""What happened in a schedule, step by step: the last of it for people, all of it as a hash."""

import asyncio
import hashlib
from collections import deque

SHOWN = 40
MOST = 30_000
"""A schedule of more steps is one that runs in circles."""


class Trace:
    """Every delivered message, commit, fault and deed is a step."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._hash = hashlib.blake2b(digest_size=8)
        self._last: deque[str] = deque(maxlen=SHOWN)
        self.steps = 0
        self.whole: list[str] | None = None

    def note(self, what: str) -> None:
        """One more step."""
        self.steps += 1
        line = f"{self.steps:6} {self._loop.time():11.4f}  {what}"
        self._hash.update(line.encode())
        self._last.append(line)
        if self.whole is not None:
            self.whole.append(line)

    @property
    def digest(self) -> str:
        """The same for the same schedule."""
        return self._hash.hexdigest()

    def last(self) -> list[str]:
        """The last steps."""
        return list(self._last)
