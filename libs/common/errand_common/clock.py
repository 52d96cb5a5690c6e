"""Time, handed in wherever it is needed so that tests and the simulator can move it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

OFF_S = 60.0
"""By more than that one host's clock may not differ from another's: what the App says to GitHub is back-dated by as
much, and refused where the scheduler's own clock is further ahead."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Instant:
    """A moment, as both clocks told it."""

    wall_us: int
    boot_s: float


class Clock:
    """The machine's clocks. A test's clock is a subclass that stands still until it is moved."""

    def now_us(self) -> int:
        """UTC microseconds since 1970: for records and for people, never for deciding what is late."""
        return time.time_ns() // 1000

    def now(self) -> Instant:
        """This moment, for what is recorded and timed."""
        return Instant(self.now_us(), self.boot_s())

    def boot_s(self) -> float:
        """Seconds on a clock that neither jumps nor stops in suspend: for deadlines within one process."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def to_datetime(time_us: int) -> datetime:
    """The aware datetime of UTC microseconds, exactly."""
    return _EPOCH + timedelta(microseconds=time_us)
