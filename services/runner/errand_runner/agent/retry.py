"""When the model is asked again after it did not reply, and when that is given up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from errand_runner.agent.exchange import ModelError, ModelUnavailable, RateLimited
from errand_runner.agent.facts import EndReason, ModelDelayed, TurnEnded


@dataclass(frozen=True)
class Patience:
    """Bounds in seconds: between two tries, on one request's troubles in total, on its rate limits in total."""

    first_s: float = 1.0
    longest_s: float = 60.0
    budget_s: float = 30 * 60.0
    limits_s: float = 24 * 60 * 60.0


def backoff_s(patience: Patience, *, failures: int, chance: float) -> float:
    """Gives the seconds between two tries; `failures` counts from 1, `chance` is random in [0, 1).

    Jitter from the first time on, so that many runners that failed together do not return together.
    """
    ceiling: float = min(patience.longest_s, patience.first_s * 2 ** min(failures, 30))
    return patience.first_s + (ceiling - patience.first_s) * chance


class Tries:
    """The tries of one request. Waiting for a rate limit to reset costs nothing of the budget for troubles."""

    def __init__(
        self,
        patience: Patience,
        *,
        now_s: Callable[[], float],
        utcnow: Callable[[], datetime],
        chance: Callable[[], float],
    ) -> None:
        """Begins now, by a clock that never jumps; `utcnow` only puts a time into words."""
        self._patience, self._now_s, self._utcnow, self._chance = patience, now_s, utcnow, chance
        self._began_s = now_s()
        self._failures = 0
        self._limits = 0
        self._limited_s = 0.0

    def after(self, error: ModelError) -> ModelDelayed | TurnEnded:
        """Decides what follows one more failure: another try after a delay, or the turn's end."""
        match error:
            case RateLimited():
                return self._after_limit(error)
            case ModelUnavailable():
                return self._after_trouble(error)
        return TurnEnded(error.reason, str(error))

    def _after_trouble(self, error: ModelUnavailable) -> ModelDelayed | TurnEnded:
        self._failures += 1
        delay_s = max(self._backoff_s(self._failures), error.retry_after_s or 0.0)
        spent_s = self._now_s() - self._began_s - self._limited_s
        if spent_s + delay_s <= self._patience.budget_s:
            return ModelDelayed(error.cause, delay_s)
        tries = "once" if self._failures == 1 else f"{self._failures} times in {_span(spent_s)}"
        words = f"Claude was asked {tries} and never gave a whole reply; at last {error.cause}."
        if error.retry_after_s:
            words += f" It asks to wait {_span(error.retry_after_s)}."
        return TurnEnded(EndReason.MODEL_UNAVAILABLE, f"{words} Send the task on to try again.")

    def _after_limit(self, error: RateLimited) -> ModelDelayed | TurnEnded:
        self._limits += 1
        # A service that says "in a second" for ever is asked ever more rarely.
        delay_s = error.reset_s + self._backoff_s(self._limits)
        if self._limited_s + delay_s > self._patience.limits_s:
            words = (
                f"{_sentence(error.cause)}, for another {_span(error.reset_s)}; a request waits"
                f" {_span(self._patience.limits_s)} at most. Send the task on after that, or raise the limit."
            )
            return TurnEnded(EndReason.MODEL_UNAVAILABLE, words)
        self._limited_s += delay_s
        # A time of day is enough: no wait is longer than a day.
        until = self._utcnow() + timedelta(seconds=delay_s)
        return ModelDelayed(f"{error.cause}; the work goes on at {until:%H:%M:%S} UTC", delay_s)

    def _backoff_s(self, failures: int) -> float:
        return backoff_s(self._patience, failures=failures, chance=self._chance())


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _span(seconds: float) -> str:
    """A duration as people say it."""
    for unit, size_s in (("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size_s:
            return f"{seconds / size_s:.0f} {unit}s"
    return f"{seconds:.0f} seconds"
