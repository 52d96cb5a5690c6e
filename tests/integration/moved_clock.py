"""The machine's clock, moved on by hand."""

from errand_common.clock import Clock


class MovedClock(Clock):
    """Both the time of day and the time since the start are `ahead_s` ahead."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now_us(self) -> int:
        return super().now_us() + round(self.ahead_s * 1e6)

    def boot_s(self) -> float:
        return super().boot_s() + self.ahead_s
