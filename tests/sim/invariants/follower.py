"""What a watcher may expect: everything after its cursor, once, in order, with nothing missing in between."""

from typing import Any

from errand.v1 import event_pb2
from tests.sim.breach import Breach
from tests.sim.invariants.ledger import Ledger

_MISSED = "SELECT MIN(event_id) FROM events WHERE event_id > ? AND event_id < ? AND task_id = ?"
_MISSED_OF_ALL = """
    SELECT MIN(event_id) FROM events WHERE event_id > ? AND event_id < ?
    AND user_id = (SELECT user_id FROM events WHERE event_id = ?)
"""


class Follower:
    """One watch over its interruptions."""

    def __init__(self, ledger: Ledger, who: str, task_id: str) -> None:
        self._ledger, self._cursor, self._who, self._task_id = ledger, ledger.cursor, who, task_id

    def heard(self, response: Any, cursor: str) -> str:
        """Check a response; the cursor to go on from."""
        if response.HasField("reset"):
            if epoch_of(response.reset.cursor) == epoch_of(cursor):
                raise self._breach(f"is reset from {cursor}, and history went on")
            return str(response.reset.cursor)
        for event in response.events:
            self._check_event(event, cursor)
            cursor = event.cursor
        if response.HasField("caught_up"):
            self._check_caught_up(response.caught_up.cursor, cursor)
            cursor = response.caught_up.cursor
        return cursor

    def _check_event(self, event: Any, cursor: str) -> None:
        after, here = number_of(cursor), number_of(event.cursor)
        if cursor and epoch_of(event.cursor) != epoch_of(cursor):
            raise self._breach(f"got event {event.cursor} after {cursor}, of another history")
        if here <= after:
            raise self._breach(f"got event {here} after {after}")
        if not self._is_now(event.cursor):
            return
        missed, last = (_MISSED, self._task_id) if self._task_id else (_MISSED_OF_ALL, here)
        found = self._cursor.execute(missed, (after, here, last)).fetchone()[0]
        if found is not None:
            raise self._breach(f"got event {here} after {after} and missed {found}")
        stored = self._cursor.execute("SELECT task_id, body FROM events WHERE event_id = ?", (here,)).fetchone()
        if stored is None and not self._ledger.is_on_record(event.task_id):
            return
        if stored is None or stored[0] != event.task_id or event_pb2.EventBody.FromString(stored[1]) != event.body:
            raise self._breach(f"got event {here} otherwise than it is stored")

    def _check_caught_up(self, reached: str, cursor: str) -> None:
        head, here = number_of(reached), number_of(cursor)
        if head < here or (cursor and epoch_of(reached) != epoch_of(cursor)):
            raise self._breach(f"is said to have caught up at {reached}, and has {cursor}")
        if self._task_id and self._is_now(reached):
            found = self._cursor.execute(_MISSED, (here, head + 1, self._task_id)).fetchone()[0]
            if found is not None:
                raise self._breach(f"is said to have caught up at {head}, and missed {found}")

    def _is_now(self, cursor: str) -> bool:
        """Not so where it was sent before a backup was restored and is read after: what was then is not there."""
        return epoch_of(cursor) == str(self._cursor.execute("SELECT epoch FROM meta").fetchone()[0])

    def _breach(self, found: str) -> Breach:
        return Breach("I8", f"{self._who} {found}")


def epoch_of(cursor: str) -> str:
    """The history that a cursor is of."""
    return cursor.rpartition(".")[0]


def number_of(cursor: str) -> int:
    """The event that a cursor names; 0 for an empty one."""
    return int(cursor.rpartition(".")[2]) if cursor else 0
