"""What a watcher may expect: everything after its cursor, once, in order, with nothing missing in between."""

import sqlite3
from typing import Any

from errand.v1 import event_pb2
from tests.sim.breach import Breach


class Follower:
    """One watch over its interruptions: everything after the cursor, once, in order, nothing in between missing."""

    def __init__(self, cursor: sqlite3.Cursor, who: str, task_id: str) -> None:
        self._cursor, self._who, self._task_id = cursor, who, task_id

    def heard(self, response: Any, cursor: str) -> str:
        """Check a response; the cursor to go on from."""
        if response.HasField("reset"):
            return str(response.reset.cursor)
        for event in response.events:
            after, here = number_of(cursor), number_of(event.cursor)
            if here <= after:
                raise Breach("I8", f"{self._who} got event {here} after {after}")
            if self._task_id:
                missed = "SELECT MIN(event_id) FROM events WHERE event_id > ? AND event_id < ? AND task_id = ?"
                values: tuple[Any, ...] = (after, here, self._task_id)
            else:
                missed = "SELECT MIN(event_id) FROM events WHERE event_id > ? AND event_id < ? AND user_id = (SELECT \
user_id FROM events WHERE event_id = ?)"
                values = (after, here, here)
            found = self._cursor.execute(missed, values).fetchone()[0]
            if found is not None:
                raise Breach("I8", f"{self._who} got event {here} after {after} and missed {found}")
            stored = self._cursor.execute("SELECT task_id, body FROM events WHERE event_id = ?", (here,)).fetchone()
            if stored is None or stored[0] != event.task_id or event_pb2.EventBody.FromString(stored[1]) != event.body:
                raise Breach("I8", f"{self._who} got event {here} otherwise than it is stored")
            cursor = event.cursor
        if response.HasField("caught_up"):
            head, here = number_of(response.caught_up.cursor), number_of(cursor)
            if head < here:
                raise Breach("I8", f"{self._who} is said to have caught up at {head}, and has {here}")
            if self._task_id:
                sql = "SELECT MIN(event_id) FROM events WHERE event_id > ? AND event_id <= ? AND task_id = ?"
                found = self._cursor.execute(sql, (here, head, self._task_id)).fetchone()[0]
                if found is not None:
                    raise Breach("I8", f"{self._who} is said to have caught up at {head}, and missed {found}")
            cursor = response.caught_up.cursor
        return cursor


def number_of(cursor: str) -> int:
    """The event that a cursor names; 0 for an empty one."""
    return int(cursor.rpartition(".")[2]) if cursor else 0
