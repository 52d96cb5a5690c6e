"""How long to wait before asking the scheduler again."""

import random

FIRST_S = 0.5
CAP_S = 10.0


class Backoff:
    """Full jitter, doubling from 0.5 s to 10 s; `reset` after a success."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._ceiling_s = FIRST_S

    def next_s(self, *, at_least_s: float = 0.0) -> float:
        """The next wait, in seconds; what the other side asks for is a floor."""
        wait_s = self._chance.uniform(0, self._ceiling_s)
        self._ceiling_s = min(self._ceiling_s * 2, CAP_S)
        return at_least_s + wait_s

    def reset(self) -> None:
        """Begin again with short waits."""
        self._ceiling_s = FIRST_S
