"""Which attempts this runner may still act for: renewed by heartbeats, asked before anything leaves the host."""

from errand_common.clock import Clock

PUSH_BEATS = 6
"""A push or a lent credential needs a lease renewed within so many beats (ARCHITECTURE.md, Bounds)."""


class Leases:
    """When each attempt was last confirmed. One value per key, so the threads that share it need no lock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._renewed_s: dict[str, float] = {}
        self.beat_s = 5.0

    def renew(self, attempt_ids: tuple[str, ...], *, asked_s: float) -> None:
        """A heartbeat sent at `asked_s` (boot clock) was answered: the lease counts from its sending."""
        for attempt_id in attempt_ids:
            self._renewed_s[attempt_id] = asked_s

    def drop(self, attempt_id: str) -> None:
        """The attempt is over."""
        self._renewed_s.pop(attempt_id, None)

    def fresh(self, attempt_id: str) -> bool:
        """Whether the scheduler confirmed the attempt within the last 6 beats."""
        renewed_s = self._renewed_s.get(attempt_id)
        return renewed_s is not None and self._clock.boot_s() - renewed_s < PUSH_BEATS * self.beat_s
