"""Runners whose clocks are not the scheduler's: told in the log once, and once when that is over."""

import structlog

from errand_common.clock import OFF_S

log = structlog.get_logger()

_RIGHT_S = OFF_S / 2
"""One that hovers about the mark is told of once."""


class Skew:
    """What each runner's clock was ahead by when it last said so, in memory. Nothing is decided by it."""

    def __init__(self) -> None:
        self._ahead_s: dict[str, float] = {}
        self._off: set[str] = set()

    def note(self, runner_id: str, ahead_s: float | None) -> None:
        """What a report said; None changes nothing."""
        if ahead_s is None:
            return
        self._ahead_s[runner_id] = ahead_s
        if runner_id not in self._off and abs(ahead_s) > OFF_S:
            self._off.add(runner_id)
            log.warning("runner_clock_off", runner_id=runner_id, ahead_s=round(ahead_s, 1))
        elif runner_id in self._off and abs(ahead_s) < _RIGHT_S:
            self._off.discard(runner_id)
            log.info("runner_clock_right", runner_id=runner_id, ahead_s=round(ahead_s, 1))

    def forget(self, runner_id: str) -> None:
        """It is no runner any more."""
        self._ahead_s.pop(runner_id, None)
        self._off.discard(runner_id)

    def ahead_s(self) -> dict[str, float]:
        """By runner."""
        return dict(self._ahead_s)
