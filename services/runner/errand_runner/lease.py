"""Which attempts this runner may still act for: renewed by heartbeats, asked before anything is done for them."""

import asyncio
import math
from contextlib import suppress

from errand_common.clock import Clock

PUSH_BEATS = 6
"""A push or a lent credential needs a lease renewed within so many beats (ARCHITECTURE.md, Bounds)."""

FREEZE_BEATS = 108
"""So long after its last renewal an attempt is frozen: 12 beats before the scheduler gives it up, which counts from a
later moment. The rest is for clocks that run at different speeds (ARCHITECTURE.md, Bounds)."""


class Leases:
    """When each attempt was last confirmed, by the boot clock, which counts suspend too.

    Shared with the heartbeat's thread: each key and each field has one value, replaced whole, so there is no lock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._renewed_s: dict[str, float] = {}
        self._suspended_s = -math.inf
        self._waiting: tuple[tuple[asyncio.Event, asyncio.AbstractEventLoop], ...] = ()
        self.beat_s = 5.0

    def renew(self, attempt_ids: tuple[str, ...], *, asked_s: float) -> None:
        """What was asked at `asked_s` was answered: the lease counts from the asking. Answers may come out of order."""
        for attempt_id in attempt_ids:
            self._renewed_s[attempt_id] = max(asked_s, self._renewed_s.get(attempt_id, -math.inf))
        self._tell()

    def drop(self, attempt_id: str) -> None:
        """The attempt is over."""
        self._renewed_s.pop(attempt_id, None)

    def suspend(self) -> None:
        """Another process took this runner's place: no attempt may act before it is confirmed anew."""
        self._suspended_s = self._clock.boot_s()
        self._tell()

    def fresh(self, attempt_id: str) -> bool:
        """Whether the scheduler confirmed the attempt within the last 6 beats."""
        return self._left_s(attempt_id, PUSH_BEATS) > 0

    def holds(self, attempt_id: str) -> bool:
        """Whether the attempt may act at all: confirmed within the last 108 beats, and not suspended since."""
        return self.left_s(attempt_id) > 0

    def left_s(self, attempt_id: str) -> float:
        """How long until the attempt may not act; 0 or less when it may not now."""
        return self._left_s(attempt_id, FREEZE_BEATS)

    def wake(self) -> None:
        """Something else changed that attempts wait for: whoever waits in `changed` looks again."""
        self._tell()

    async def changed(self, *, within_s: float) -> None:
        """Return at the next renewal or suspension of any attempt, or `wake`, or once the time is over."""
        told = asyncio.Event()
        self._waiting = (*self._waiting, (told, asyncio.get_running_loop()))
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await told.wait()
        finally:
            self._waiting = tuple(pair for pair in self._waiting if pair[0] is not told)

    def _left_s(self, attempt_id: str, beats: int) -> float:
        renewed_s = self._renewed_s.get(attempt_id, -math.inf)
        if renewed_s <= self._suspended_s:
            return -math.inf
        return renewed_s + beats * self.beat_s - self._clock.boot_s()

    def _tell(self) -> None:
        for told, loop in self._waiting:
            # A loop that is closing no longer needs to know.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(told.set)
