"""All that must hold, looked at after each commit, from time to time, and at the end."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping

from tests.sim.breach import Breach
from tests.sim.invariants import attempts, cards, events, lateness, modes, restoring, tasks
from tests.sim.invariants.follower import Follower
from tests.sim.invariants.ledger import ATTEMPTS, TASKS, Ledger, Row
from tests.sim.invariants.money import Money
from tests.sim.invariants.promises import Promises
from tests.sim.invariants.told import Told

_STOPS = "SELECT audit_id, subject_id FROM audit_log WHERE audit_id > ? AND action = 'stop_task'"
_EPOCH = "SELECT epoch FROM meta"


class Invariants:
    """Watches one schedule. What breaks is told to `broke`, for this is called from everywhere."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: sqlite3.Connection,
        *,
        slots: Callable[[str], int],
        ready: Callable[[], Mapping[str, float]],
        broke: Callable[[BaseException], None],
        note: Callable[[str], None],
        now_us: Callable[[], int],
        day_limit: int,
        kept_s: float,
    ) -> None:
        self._broke, self._now_us = broke, now_us
        self.ledger = Ledger(loop, connection, slots=slots, note=note, kept_s=kept_s)
        self.told = Told(self.ledger)
        self.money = Money(self.ledger, limit=day_limit)
        self.promises = Promises(loop, self.ledger.cursor, ready=ready)

    @property
    def epoch(self) -> str:
        """Which history it is."""
        return str(self.ledger.one(_EPOCH)[0])

    def follower(self, who: str, task_id: str) -> Follower:
        """One who watches."""
        return Follower(self.ledger, who, task_id)

    def complete(self, task_id: str, cursor: str, who: str) -> None:
        """One who watches without interruption, and reads, has everything."""
        self.told.complete(task_id, cursor, who, epoch=self.epoch)

    def committed(self) -> None:
        """Look at what a commit changed."""
        try:
            self._look()
        except Breach as exc:
            self._broke(exc)

    def tick(self) -> None:
        """From time to time: nothing is late."""
        self.promises.tick()
        lateness.check(self.ledger)

    def restored(self, replace: Callable[[], None]) -> None:
        """A backup takes the place of the database."""
        before, epoch = restoring.names(self.ledger), self.epoch
        replace()
        if self.epoch == epoch:
            raise Breach("I8", f"what was restored goes on as history {epoch}, and is another")
        restoring.begin_anew(self.ledger, before)
        self.promises.begin_anew(self.ledger.attempts)

    def at_end(self) -> None:
        """What was promised to people is there, and the database is whole."""
        self.told.at_end()
        for check in ("integrity_check", "foreign_key_check"):
            found = self.ledger.cursor.execute(f"PRAGMA {check}").fetchall()
            if found not in ([("ok",)], []):
                raise Breach("I3", f"{check}: {found}")

    def _look(self) -> None:
        ledger, cursor = self.ledger, self.ledger.cursor
        rows: dict[str, Row] = {row[0]: row for row in cursor.execute(ATTEMPTS)}
        new = cursor.execute(events.NEW, (ledger.last_event,)).fetchall()
        now: dict[str, Row] = {row[0]: row for row in cursor.execute(TASKS)}
        stops = cursor.execute(_STOPS, (ledger.last_audit,)).fetchall()
        ledger.note(f"commit: {len(new)} events")
        if new:
            events.check(ledger, new)
        tasks.check_stops(ledger, stops, rows, now, new)
        cards.check(ledger, rows, new)
        attempts.check(ledger, rows, self.promises)
        modes.check(ledger)
        tasks.check(ledger, now, rows, new)
        self.promises.look(rows, stops)
        self.money.check(self._now_us())
        restoring.check_names(ledger)
        ledger.tasks = now
