"""How long to wait before the model is asked again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Bounds in seconds: between two tries, on a wait that the service asks for, and on one request in total."""

    first_s: float = 1.0
    longest_s: float = 60.0
    longest_asked_s: float = 15 * 60.0
    budget_s: float = 30 * 60.0


def next_delay(
    patience: Patience, *, failures: int, spent_s: float, retry_after_s: float | None, chance: float
) -> float | None:
    """Gives the seconds until the next try, or None to give up.

    `failures` counts from 1, `spent_s` is the time since the first try, `chance` is random in [0, 1). Full jitter, so
    that many runners that failed together do not return together; what the service asks for is a floor.
    """
    ceiling = min(patience.longest_s, patience.first_s * 2 ** min(failures - 1, 30))
    delay = patience.first_s + (ceiling - patience.first_s) * chance
    if retry_after_s is not None:
        if retry_after_s > patience.longest_asked_s:
            return None
        delay = max(retry_after_s, 0.0) + patience.first_s * chance
    return delay if spent_s + delay <= patience.budget_s else None
