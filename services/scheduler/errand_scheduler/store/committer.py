"""Commits groups while the disk takes them, and while it is full only what is urgent."""

import sqlite3
from collections.abc import Sequence

from errand_common.clock import Clock
from errand_common.errors import Unavailable
from errand_scheduler.metrics import counted
from errand_scheduler.store import wal
from errand_scheduler.store.group import DiskBroken, DiskFull, Outcome, commit_group, refusal
from errand_scheduler.store.lanes import Op
from errand_scheduler.store.reserve import Reserve
from errand_scheduler.store.transaction import Tx


class Committer:
    """Belongs to the writer's thread; others only look."""

    full: DiskFull | None = None
    """Why what is not urgent is refused; none while there is room."""
    broken: DiskBroken | None = None
    """Why nothing may be written any more."""

    def __init__(self, reserve: Reserve, clock: Clock) -> None:
        self._reserve = reserve
        self._clock = clock

    def commit(self, connection: sqlite3.Connection, group: Sequence[Op[object]]) -> list[Outcome]:
        """What became of each operation of the group."""
        if self.full is not None:
            return self._urgent_alone(connection, group)
        outcomes = self._run(connection, group)
        refused = _refused(outcomes)
        if not isinstance(refused, DiskFull):
            return outcomes
        self.full = refused
        self._make_room(connection)
        return self._urgent_alone(connection, group)

    def probe(self, tx: Tx) -> None:
        """An operation that shows, once it is committed, that there is room again. Raises DiskFull."""
        if not self._reserve.make():
            raise DiskFull("the scheduler's disk is still full")
        # Writes a page whatever the tables hold.
        version = tx.one(wal.VERSION)
        tx.run(f"PRAGMA user_version = {version}", {})

    def _urgent_alone(self, connection: sqlite3.Connection, group: Sequence[Op[object]]) -> list[Outcome]:
        urgent = [op for op in group if op.urgent]
        done = self._run(connection, urgent)
        if isinstance(_refused(done), DiskFull):
            self._make_room(connection)
            done = self._run(connection, urgent)
        of_urgent = iter(done)
        outcomes = [next(of_urgent) if op.urgent else Outcome(error=self.full) for op in group]
        if any(op.fn == self.probe and outcome.error is None for op, outcome in zip(urgent, done, strict=True)):
            self.full = None
        return outcomes

    def _run(self, connection: sqlite3.Connection, group: Sequence[Op[object]]) -> list[Outcome]:
        if not group:
            return []
        counted.GROUP.observe(len(group))
        with counted.COMMIT_S.time():
            outcomes = commit_group(connection, [op.fn for op in group], self._clock.now())
        refused = _refused(outcomes)
        if not isinstance(refused, DiskBroken):
            return outcomes
        if self._reserve.disk_is_full():
            full = DiskFull(refused.message, retry_after=refused.retry_after)
            return [Outcome(error=full) for _ in group]
        self.broken = refused
        return outcomes

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Give up the reserve, and have the log begin anew: its own length is room too."""
        self._reserve.give_up()
        try:
            wal.checkpoint(connection)
        except sqlite3.Error as exc:
            if isinstance(refused := refusal(exc), DiskBroken):
                self.broken = refused


def _refused(outcomes: Sequence[Outcome]) -> Unavailable | None:
    """Why the disk refused the group: then it refused every operation of it for the same reason."""
    error = outcomes[0].error if outcomes else None
    refused_all = isinstance(error, DiskFull | DiskBroken) and all(outcome.error is error for outcome in outcomes)
    return error if refused_all and isinstance(error, Unavailable) else None
