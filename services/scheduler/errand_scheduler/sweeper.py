"""The one watch over deadlines."""

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from errand_common.clock import Clock
from errand_common.errors import ErrandError
from errand_common.values import TaskStatus
from errand_scheduler.board import Board, Due
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle import deadlines, runners, waits
from errand_scheduler.lifecycle.decisions import AT_WORK
from errand_scheduler.modes import Modes
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.clocked import Clocked
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()


class Sweeper:
    """Looks at the board twice a beat. While the disk is full it ends stops that are overdue alone."""

    def __init__(self, writer: Writer, board: Board, modes: Modes, clock: Clock, durations: Durations) -> None:
        self._writer = writer
        self._board = board
        self._modes = modes
        self._clock = clock
        self._durations = durations
        self._last_s = clock.boot_s()
        self._was_degraded = False

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(self._durations.beat_s / 2)
            try:
                await self.sweep()
            except ErrandError as exc:
                log.warning("sweep_failed", error=exc.message)

    async def sweep(self) -> None:
        """Do what is due now. After a gap in its own life, or the disk's, it lets everybody be heard of again first."""
        self._mind_gaps()
        for due, attempt in self._board.due():
            if self._was_degraded and due is not Due.STOP_OVERDUE:
                continue
            log.info("deadline_reached", due=due.name.lower(), attempt_id=attempt.attempt_id)
            await self._write(attempt_is_due(due, attempt, self._durations))
        for task in () if self._was_degraded else self._board.due_tasks():
            log.info("deadline_reached", due=f"{task.status}_overdue", task_id=task.task_id)
            await self._write(task_is_due(task, self._durations))
        for attempt_id in () if self._was_degraded else self._drained():
            await self._write(partial(runners.stop_drained, attempt_id=attempt_id, durations=self._durations))
        for runner_id in () if self._was_degraded else self._left():
            await self._write(partial(runners.remove_left, runner_id=runner_id, durations=self._durations))

    def _left(self) -> list[str]:
        """Runners that leave and have nothing any more."""
        leaving = self._modes.leaving()
        busy = {attempt.runner_id for attempt in self._board.attempts()} if leaving else set()
        return [runner_id for runner_id in leaving if runner_id not in busy]

    def _drained(self) -> list[str]:
        """What runners still have whose drain is over."""
        return [
            attempt.attempt_id
            for attempt in self._board.attempts()
            if attempt.phase in AT_WORK and self._modes.overdue(attempt.runner_id)
        ]

    def _mind_gaps(self) -> None:
        now = self._clock.boot_s()
        gap_s, self._last_s = now - self._last_s, now
        was_degraded, self._was_degraded = self._was_degraded, self._writer.degraded
        if gap_s > self._durations.lease_s / 2:
            log.warning("scheduler_was_away", gap_s=round(gap_s, 3))
            self._board.forgive()
        elif was_degraded and not self._was_degraded:
            self._board.forgive()

    async def _write(self, operation: Callable[[Tx], None]) -> None:
        await self._writer.write(operation, urgent=True)


def attempt_is_due(due: Due, attempt: Attempt, durations: Durations) -> Callable[[Tx], None]:
    """What to do now that an attempt's time has come."""
    attempt_id, phase = attempt.attempt_id, attempt.phase
    match due:
        case Due.OFFER_EXPIRED:
            return lambda tx: deadlines.expire_offer(tx, attempt_id)
        case Due.AWAY:
            return lambda tx: deadlines.mark_away(tx, attempt_id)
        case Due.BACK:
            return lambda tx: deadlines.mark_back(tx, attempt_id)
        case Due.LOST:
            return lambda tx: deadlines.lose(tx, attempt_id, durations)
        case Due.PHASE_OVERDUE:
            return lambda tx: deadlines.end_phase(tx, attempt_id, phase, durations)
    return lambda tx: deadlines.finish_stop(tx, attempt_id, durations)


def task_is_due(task: Clocked, durations: Durations) -> Callable[[Tx], None]:
    """What to do now that the time of a task without an attempt at work has come."""
    if task.status is TaskStatus.PENDING:
        return lambda tx: deadlines.end_pending(tx, task.task_id, deadline_time=task.deadline_time)
    return lambda tx: waits.end_waiting(tx, task.task_id, durations, deadline_time=task.deadline_time)
