"""Runners that rest because they let offers pass: told from how the last offers to each went."""

from collections.abc import Callable
from dataclasses import dataclass, field

from errand_common.clock import Clock
from errand_common.values import AttemptPhase
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.deadlines import NOT_ACCEPTED
from errand_scheduler.store.attempts import Attempt

_PASSED = 3  # offers in a row
_REST_BEATS = 12  # doubled each time that it goes on
_LONGEST_REST_BEATS = 60
_TASKS = 200  # remembered of each runner: an older one may be offered there as if for the first time


@dataclass(slots=True)
class _Row:
    """Offers in a row that a runner let pass: how many, of which tasks, and how often it had to rest for them."""

    passed: int = 0
    tasks: dict[str, None] = field(default_factory=dict)
    rests: int = 0
    until_s: float = 0.0


class Resting:
    """Remembers, in memory, what each runner let pass until it accepts something: a restart of the scheduler gives all
    another go."""

    def __init__(self, clock: Clock, durations: Durations) -> None:
        self._clock = clock
        self._durations = durations
        self._rows: dict[str, _Row] = {}

    def note(self, attempt: Attempt, old_phase: AttemptPhase | None, *, present: Callable[[str], bool]) -> bool:
        """Follow an attempt's move; returns whether its runner is to rest from now on. What passes while the runner was
        not `present` to take it, or rests already, counts only for the task."""
        if attempt.phase is AttemptPhase.ACCEPTED:
            self._rows.pop(attempt.runner_id, None)
            return False
        if old_phase is not AttemptPhase.OFFERED or attempt.reason != NOT_ACCEPTED:
            return False
        row = self._rows.setdefault(attempt.runner_id, _Row())
        _remember(row.tasks, attempt.task_id)
        if not present(attempt.runner_id) or self.rests(attempt.runner_id):
            return False
        row.passed += 1
        return row.passed >= _PASSED and self._rest(row)

    def rests(self, runner_id: str) -> bool:
        """Whether the runner is to be left alone."""
        row = self._rows.get(runner_id)
        return row is not None and self._clock.boot_s() < row.until_s

    def tasks(self, runner_id: str) -> frozenset[str]:
        """The tasks that the runner let pass, and that would rather go elsewhere."""
        row = self._rows.get(runner_id)
        return frozenset(row.tasks) if row is not None else frozenset()

    def _rest(self, row: _Row) -> bool:
        beats = min(_REST_BEATS * 2**row.rests, _LONGEST_REST_BEATS)
        # It stops rising where the rest does: a runner may go on so for weeks.
        row.rests += beats < _LONGEST_REST_BEATS
        row.until_s = self._clock.boot_s() + beats * self._durations.beat_s
        return True


def _remember(tasks: dict[str, None], task_id: str) -> None:
    tasks.pop(task_id, None)
    tasks[task_id] = None
    if len(tasks) > _TASKS:
        del tasks[next(iter(tasks))]
