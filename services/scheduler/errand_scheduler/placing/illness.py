"""Runners on which nothing begins: told from how the last attempts there went."""

from collections import deque

from errand_common.clock import Clock
from errand_common.values import AttemptPhase
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.decisions import failed_early
from errand_scheduler.store.attempts import Attempt

_ATTEMPTS = 3
_TASKS = 2  # of which the failed attempts must be: one alone may be the task's own fault


class Illness:
    """Remembers the last few attempts of each runner, in memory: a restart of the scheduler gives all another go."""

    def __init__(self, clock: Clock, durations: Durations) -> None:
        self._clock = clock
        self._durations = durations
        self._failed: dict[str, deque[str]] = {}
        self._until: dict[str, float] = {}

    def note(self, attempt: Attempt, old_phase: AttemptPhase | None) -> bool:
        """Follow an attempt's move; returns whether its runner fell ill with it."""
        if attempt.phase is AttemptPhase.RUNNING and old_phase is not AttemptPhase.RUNNING:
            self._failed.pop(attempt.runner_id, None)
            self._until.pop(attempt.runner_id, None)
            return False
        if not (attempt.phase.final and failed_early(old_phase, attempt)):
            return False
        failed = self._failed.setdefault(attempt.runner_id, deque(maxlen=_ATTEMPTS))
        failed.append(attempt.task_id)
        if len(failed) < _ATTEMPTS or len(set(failed)) < _TASKS:
            return False
        self._until[attempt.runner_id] = self._clock.boot_s() + self._durations.quarantine_s
        return True

    def ill(self, runner_id: str) -> bool:
        """Whether the runner is to be left alone."""
        return self._clock.boot_s() < self._until.get(runner_id, 0.0)
