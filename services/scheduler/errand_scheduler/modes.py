"""What operators want of each runner, as memory knows it: placement goes by it, and drains come due by it."""

from collections.abc import Iterable
from dataclasses import dataclass

from errand_common.clock import Clock
from errand_common.values import RunnerMode
from errand_scheduler.placing import seats
from errand_scheduler.store.notices import RunnerModeSet
from errand_scheduler.store.runners import Runner

_CONDITIONS = {
    RunnerMode.CORDONED: seats.CORDONED,
    RunnerMode.DRAINING: seats.DRAINING,
    RunnerMode.LEAVING: seats.LEAVING,
}


@dataclass(frozen=True)
class _Wanted:
    """`stops_s` is when what the runner still has is stopped, on the clock since boot."""

    mode: RunnerMode
    stops_s: float | None


class Modes:
    """Follows what is committed. That no offer is made against a mode is seen to where offers are written."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wanted: dict[str, _Wanted] = {}

    def restore(self, known: Iterable[Runner]) -> None:
        """Go on with what an earlier process was told; a drain that was set has at most its whole time left."""
        for runner in known:
            left_s = None
            if runner.drain_time is not None:
                whole_us = runner.drain_time - (runner.mode_time or runner.drain_time)
                left_s = min(max(runner.drain_time - self._clock.now_us(), 0), whole_us) / 1e6
            self._want(runner.runner_id, runner.mode, left_s, self._clock.boot_s())

    def follow(self, notice: RunnerModeSet) -> None:
        """Follow a mode that was committed."""
        left_s = None if notice.drain_time is None else (notice.drain_time - notice.set_at.wall_us) / 1e6
        self._want(notice.runner_id, notice.mode, left_s, notice.set_at.boot_s)

    def condition(self, runner_id: str) -> str:
        """Why the runner is offered nothing, in the words of a seat; empty where an operator wants it to work."""
        wanted = self._wanted.get(runner_id)
        return "" if wanted is None else _CONDITIONS[wanted.mode]

    def overdue(self, runner_id: str) -> bool:
        """Whether what the runner has is to be stopped now."""
        wanted = self._wanted.get(runner_id)
        return wanted is not None and wanted.stops_s is not None and self._clock.boot_s() >= wanted.stops_s

    def leaving(self) -> list[str]:
        """The runners that are to be removed once they have nothing."""
        return [runner_id for runner_id, wanted in self._wanted.items() if wanted.mode is RunnerMode.LEAVING]

    def forget(self, runner_id: str) -> None:
        """It is removed."""
        self._wanted.pop(runner_id, None)

    def _want(self, runner_id: str, mode: RunnerMode, left_s: float | None, since_s: float) -> None:
        if mode is RunnerMode.ACTIVE:
            self._wanted.pop(runner_id, None)
        else:
            self._wanted[runner_id] = _Wanted(mode, None if left_s is None else since_s + left_s)
