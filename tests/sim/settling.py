"""The end of a schedule: from here on nothing goes wrong, and all comes to its end and is looked at."""

import asyncio

from tests.sim.breach import Breach
from tests.sim.deeds import OF_OPERATORS
from tests.sim.faults import Faults
from tests.sim.scheduler_host import BEAT_S

# An hour for a start that hangs, and for its next attempt the rest of a runner that is ill for it.
_CALM_BEATS = 900


class Settling(Faults):
    """Waits until nothing is on its way any more."""

    def _calm_down(self) -> None:
        """Nothing goes wrong any more, and everybody is there."""
        self.trace.note("calm")
        self.calm = True
        self._end_takeover()
        self.plan.weather.calm()
        self.plan.temper.calm()
        disk = self.scheduler.disk
        disk.crash_in, disk.slow = None, 0.0
        self.scheduler.connection.full = False
        self.scheduler.connection.fails, self.scheduler.connection.unread = 0, 0.0
        self.scheduler.mood.away = 0.0
        self.disks.kill_in.clear()
        self.disks.full.clear()
        self.disks.no_blobs = None
        for runner in self.runners:
            self._heal(runner.link)
            self._heal(runner.heart_link)
            self._resume(runner)
            if not runner.up:
                runner.start()
        self._resume(self.scheduler)
        if not self.scheduler.up:
            self._start_scheduler()
        for person in self.people:
            self._heal(person.link)
        if any(deed.kind in OF_OPERATORS for deed in self.plan.deeds):
            self.operator.process.spawn(self.operator.keep_all_at_work(self.plan.runners))

    async def _settle(self) -> None:
        until_s = self.loop.time() + _CALM_BEATS * BEAT_S
        await self._quieten(until_s)
        for person in self.people:
            person.hang_up()
        while any(not task.done() for task in self.doing):
            await asyncio.sleep(1.0)
        # What somebody had still asked for, and got only now.
        await self._quieten(until_s)

    async def _quieten(self, until_s: float) -> None:
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(BEAT_S)
            unsettled = self._unsettled()
            quiet = 0 if unsettled else quiet + 1
            if self.loop.time() > until_s:
                raise Breach("I1 I11", f"it does not settle: {unsettled}")

    def _unsettled(self) -> str:
        """Why it is not over yet; empty when it is."""
        ledger = self.invariants.ledger
        if live := ledger.live():
            return f"attempt {live[0][0]} is {live[0][4]}"
        for row in ledger.tasks.values():
            # A clock that was set back before a start makes what is left of a wait as much longer (timers.py).
            far = ledger.clock_jumped and ledger.scheduler_since_s > 0
            # Until the next day, if need be.
            far = far or row[4] == "allowance"
            if row[1] in ("pending", "running") or (row[1] == "waiting" and row[5] is not None and not far):
                return f"{row[0]} is {row[1]}: {row[2]}"
        for runner in self.runners:
            if runner.outbox is not None and runner.outbox.logs:
                return f"{runner.name} holds {list(runner.outbox.logs)}"
        if self.outside.containers:
            return f"containers {list(self.outside.containers)}"
        return ""

    def _look_at_the_end(self) -> None:
        self.invariants.at_end()
        if self.outside.containers:
            raise Breach("I7", f"{len(self.outside.containers)} containers are left: {list(self.outside.containers)}")
        core = self.scheduler.core
        assert core is not None
        if left := [attempt.attempt_id for attempt in core._board.attempts()]:
            raise Breach("I9", f"the board still has {left}")
        for runner in self.runners:
            assert runner.worker is not None
            if runner.worker._runs or runner.worker.attempts:
                raise Breach("I9", f"{runner.name} still carries {list(runner.worker._runs)}")
