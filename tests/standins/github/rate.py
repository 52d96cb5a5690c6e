"""The primary rate limit: so many REST calls an hour for each caller."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.standins.github.clock import Clock

_WINDOW = timedelta(hours=1)


@dataclass(frozen=True)
class Allowance:
    """A caller's hour so far. A refused call counts as used no more than the limit."""

    limit: int
    used: int
    resets: datetime

    @property
    def exceeded(self) -> bool:
        return self.used > self.limit

    def headers(self) -> dict[str, str]:
        used = min(self.used, self.limit)
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Used": str(used),
            "X-RateLimit-Remaining": str(self.limit - used),
            "X-RateLimit-Reset": str(int(self.resets.timestamp())),
            "X-RateLimit-Resource": "core",
        }


class RateLimit:
    """Counts calls. `limit` may be changed while it runs."""

    def __init__(self, limit: int, now: Clock) -> None:
        self.limit = limit
        self._now = now
        self._windows: dict[str, tuple[int, datetime]] = {}

    def count(self, caller: str) -> Allowance:
        """Counts one more call of this caller; an empty name is everyone without a token."""
        used, resets = self._windows.get(caller, (0, self._now() + _WINDOW))
        if resets <= self._now():
            used, resets = 0, self._now() + _WINDOW
        self._windows[caller] = (used + 1, resets)
        return Allowance(limit=self.limit, used=used + 1, resets=resets)
