"""When the tasks that no attempt works on are late, on the clock since boot."""

from collections.abc import Iterable
from dataclasses import dataclass

from errand_common.clock import Clock, Instant
from errand_common.values import TaskStatus
from errand_scheduler.durations import Durations
from errand_scheduler.store.clocked import Clocked
from errand_scheduler.store.notices import DeadlineSet


@dataclass(frozen=True)
class _Timer:
    task: Clocked
    armed_s: float


class TaskTimers:
    """Follows what is committed. A row's instant arms a timer once; the wall clock may jump after that."""

    def __init__(self, clock: Clock, durations: Durations) -> None:
        self._clock = clock
        self._durations = durations
        self._timers: dict[str, _Timer] = {}

    def restore(self, tasks: Iterable[Clocked], *, least_s: float) -> None:
        """Take up the tasks of an earlier process: none is late for `least_s` seconds yet."""
        now = self._clock.now()
        for task in tasks:
            self._arm(task, now, least_s=least_s)

    def follow(self, notice: DeadlineSet) -> None:
        """Follow a deadline that was committed."""
        self._timers.pop(notice.task_id, None)
        if notice.deadline_time is not None:
            # While the commit was on its way the wall clock may have jumped, and this process slept.
            self._arm(Clocked(notice.task_id, notice.status, notice.deadline_time), notice.set_at, least_s=0.0)

    def forgive(self, until_s: float) -> None:
        """Have nothing be late before that."""
        for task_id, timer in self._timers.items():
            self._timers[task_id] = _Timer(timer.task, max(timer.armed_s, until_s))

    def due(self) -> list[Clocked]:
        """Every task whose time has come."""
        now = self._clock.boot_s()
        return [timer.task for timer in self._timers.values() if now >= timer.armed_s]

    def _arm(self, task: Clocked, since: Instant, *, least_s: float) -> None:
        whole_s = self._durations.pending_s if task.status is TaskStatus.PENDING else self._durations.waiting_s
        left_s = whole_s if task.deadline_time is None else (task.deadline_time - since.wall_us) / 1e6
        self._timers[task.task_id] = _Timer(task, since.boot_s + min(max(left_s, least_s), whole_s))
