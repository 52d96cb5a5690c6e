"""A clock that stands still until a test moves it, as suspend or a long wait would."""

from errand_common.clock import Clock


class MovedClock(Clock):
    """Moves the boot clock alone: asyncio's own clock, as in suspend, knows nothing of it."""

    def __init__(self) -> None:
        self.s = 1000.0

    def boot_s(self) -> float:
        return self.s
