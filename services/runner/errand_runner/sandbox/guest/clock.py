"""Time that stands still while the sandbox does."""

from __future__ import annotations

import time


class Clock:
    """Seconds in which nobody held the sandbox; every time limit here counts by it."""

    def __init__(self) -> None:
        self.held_s = 0.0
        self.since_s: float | None = None

    def now_s(self) -> float:
        return (time.monotonic() if self.since_s is None else self.since_s) - self.held_s

    def hold(self) -> None:
        if self.since_s is None:
            self.since_s = time.monotonic()

    def go_on(self) -> None:
        if self.since_s is not None:
            self.held_s, self.since_s = self.held_s + time.monotonic() - self.since_s, None
