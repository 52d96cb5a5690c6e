"""Two processes that act as one runner, told from one coming back after the other took its place."""

from collections import deque
from dataclasses import dataclass

from errand_common.clock import Clock
from errand_scheduler.durations import Durations

_MOST = 2  # returns within a quarantine's length: one more, the fourth takeover of two that fight, and it begins


@dataclass(frozen=True)
class Quarantine:
    """A runner that is refused for a while; `begins` where this very takeover was the one too many."""

    left_s: float
    begins: bool = False


class Takeovers:
    """Counts, per runner, how often a process came back that another had replaced. A few times of each are kept."""

    def __init__(self, clock: Clock, durations: Durations) -> None:
        self._clock = clock
        self._durations = durations
        self._times: dict[str, deque[float]] = {}
        self._until: dict[str, float] = {}

    def restore(self, runner_id: str, quarantined_time: int) -> None:
        """Go on with a quarantine of an earlier process, for at most its whole length."""
        age_s = max(self._clock.now_us() - quarantined_time, 0) / 1e6
        if age_s < self._durations.quarantine_s:
            self._until[runner_id] = self._clock.boot_s() + self._durations.quarantine_s - age_s

    def quarantine(self, runner_id: str) -> Quarantine | None:
        """The runner's quarantine, if it is in one."""
        left_s = self._until.get(runner_id, 0.0) - self._clock.boot_s()
        return Quarantine(left_s) if left_s > 0 else None

    def note(self, runner_id: str) -> Quarantine | None:
        """Count a return; one too many begins a quarantine."""
        now = self._clock.boot_s()
        times = self._times.setdefault(runner_id, deque(maxlen=_MOST))
        if len(times) == _MOST and now - times[0] <= self._durations.quarantine_s:
            times.clear()
            self._until[runner_id] = now + self._durations.quarantine_s
            return Quarantine(self._durations.quarantine_s, begins=True)
        times.append(now)
        return None
