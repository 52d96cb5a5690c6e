"""How long to wait before asking the scheduler again."""

import random

FIRST_S = 0.5
CAP_S = 10.0


class Backoff:
    """Full jitter, doubling from 0.5 s to 10 s; `reset` after a success."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._ceiling_s = FIRST_S

    def next_s(self) -> float:
        """The next wait, in seconds."""
        wait_s = self._chance.uniform(0, self._ceiling_s)
        self._ceiling_s = min(self._ceiling_s * 2, CAP_S)
        return wait_s

    def reset(self) -> None:
        """Begin again with short waits."""
        self._ceiling_s = FIRST_S
