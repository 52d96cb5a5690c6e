"""The one watch over deadlines."""

import asyncio

import structlog

from errand_common.clock import Clock
from errand_common.errors import ErrandError
from errand_scheduler.board import Board, Due
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle import deadlines
from errand_scheduler.store.writer import Writer

log = structlog.get_logger()

_OPERATIONS = {
    Due.OFFER_EXPIRED: deadlines.expire_offer,
    Due.AWAY: deadlines.mark_away,
    Due.BACK: deadlines.mark_back,
    Due.LOST: deadlines.lose,
    Due.STOP_OVERDUE: deadlines.finish_stop,
}


class Sweeper:
    """Looks at the board twice a beat."""

    def __init__(self, writer: Writer, board: Board, clock: Clock, durations: Durations) -> None:
        self._writer = writer
        self._board = board
        self._clock = clock
        self._durations = durations
        self._last_s = clock.boot_s()

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(self._durations.beat_s / 2)
            try:
                await self.sweep()
            except ErrandError as exc:
                log.warning("sweep_failed", error=exc.message)

    async def sweep(self) -> None:
        """Do what is due now. After a gap in its own life it first lets everybody be heard of again."""
        now = self._clock.boot_s()
        gap_s, self._last_s = now - self._last_s, now
        if gap_s > self._durations.lease_s / 2:
            log.warning("scheduler_was_away", gap_s=round(gap_s, 3))
            self._board.forgive()
        for due, attempt_id in self._board.due():
            log.info("deadline_reached", due=due.name.lower(), attempt_id=attempt_id)
            await self._do(due, attempt_id)

    async def _do(self, due: Due, attempt_id: str) -> None:
        operation = _OPERATIONS[due]
        await self._writer.write(lambda tx: operation(tx, attempt_id))
