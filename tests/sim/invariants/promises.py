"""What people may rely on beyond the single row: read from the database after each commit, like every invariant."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from errand.v1 import event_pb2
from tests.sim.breach import Breach
from tests.sim.scheduler_host import BEAT_S

_LEFT_OVER = """
    SELECT tasks.task_id, inputs.input_id FROM tasks JOIN inputs ON inputs.task_id = tasks.task_id
    WHERE tasks.status = 'completed' AND inputs.taken_message_id IS NULL AND inputs.removed_time IS NULL
"""
_BEHIND = """
    SELECT tasks.task_id, attempts.attempt_id FROM tasks JOIN attempts ON attempts.task_id = tasks.task_id
    WHERE tasks.status = 'waiting' AND attempts.completed_time IS NULL
    AND (SELECT MAX(event_id) FROM events WHERE attempt_id = attempts.attempt_id AND kind = 'message_appended')
      > (SELECT MAX(event_id) FROM events WHERE attempt_id = attempts.attempt_id AND kind = 'wait_started')
"""
_STANDING = """
    SELECT input_id, taken_message_id FROM inputs WHERE task_id = ? AND removed_time IS NULL
"""
_ASKED = """
    SELECT kind, body FROM events
    WHERE task_id = ? AND event_id > ? AND kind IN ('input_added', 'task_retried') ORDER BY event_id
"""
# Of one that is on its way already nothing else tells.
_SENT_ON = """
    SELECT 1 FROM audit_log WHERE action = 'retry_task' AND subject_id = :task_id AND audit_id >
    (SELECT MAX(audit_id) FROM audit_log WHERE action = 'stop_task' AND subject_id = :task_id)
"""
_HEAD = "SELECT COALESCE(MAX(event_id), 0) FROM events"
_MOST_OFFERS = 8
"""To one runner that lets them pass, in a row. Those of the time in which the runner with the workspace is waited for,
which is 12 beats after a start, are some."""
_STOP_BEATS = 24 + 6 + 3


class Promises:
    """Watches one schedule, beside the rows themselves. `ready` tells since when each runner could take a task."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, cursor: sqlite3.Cursor, *, ready: Callable[[], Mapping[str, float]]
    ) -> None:
        self._loop, self._cursor, self._ready = loop, cursor, ready
        self._known: set[str] = set()
        self._stopped_after: dict[str, int] = {}
        self._head = 0
        self._stopping_since_s: dict[str, float] = {}
        self._passed: dict[str, tuple[str, int, float]] = {}
        self._passed_by: dict[str, dict[str, None]] = {}
        self.no_stop_before_s = 0.0
        """Until when no stop could be stored: the scheduler was away, or its disk had no room even for that."""

    def look(self, rows: Mapping[str, tuple[Any, ...]], stops: Sequence[tuple[Any, ...]]) -> None:
        """After a commit; `rows` are the attempts, `stops` the stops that are new."""
        for _, task_id in stops:
            # What else the commit tells of the task may have come later.
            self._stopped_after[task_id] = self._head
        self._head = self._cursor.execute(_HEAD).fetchone()[0]
        for attempt_id, row in rows.items():
            if attempt_id not in self._known:
                self._known.add(attempt_id)
                self._check_begin(row)
                self._check_offer(row)
            self._follow(attempt_id, row)
        if left := self._cursor.execute(_LEFT_OVER).fetchone():
            raise Breach("I1", f"{left[0]} is completed, and nobody read {left[1]}")
        if behind := self._cursor.execute(_BEHIND).fetchone():
            raise Breach("I1", f"{behind[0]} waits for a person, and {behind[1]} went on since")

    def begin_anew(self, known: Iterable[str]) -> None:
        """A backup was restored, with these attempts: what was of the history before is no longer expected."""
        self._known = set(known)
        self._stopped_after.clear()
        self._stopping_since_s.clear()
        self._passed.clear()
        self._passed_by.clear()
        self._head = self._cursor.execute(_HEAD).fetchone()[0]

    def tick(self) -> None:
        """A stop ends in its time, on a full disk too."""
        now = self._loop.time()
        for attempt_id, since_s in self._stopping_since_s.items():
            for_s = now - max(since_s, self.no_stop_before_s)
            if for_s > _STOP_BEATS * BEAT_S:
                raise Breach("I6", f"{attempt_id} is stopping for {for_s:.0f} s while the scheduler lives")

    def _check_begin(self, row: tuple[Any, ...]) -> None:
        """Once stopped, a task goes on for what a person still wants, or because a person sent it on."""
        task_id = row[1]
        if row[4] != "offered" or (after := self._stopped_after.get(task_id)) is None:
            return
        standing = dict(self._cursor.execute(_STANDING, (task_id,)).fetchall())
        if any(message_id is None for message_id in standing.values()):
            return
        if self._cursor.execute(_SENT_ON, {"task_id": task_id}).fetchone():
            return
        for kind, body in self._cursor.execute(_ASKED, (task_id, after)).fetchall():
            if kind == "task_retried":
                return
            if event_pb2.EventBody.FromString(body).input_added.input_id in standing:
                return
        raise Breach("I6", f"{task_id} was stopped, nothing is asked of it since, and {row[0]} is offered")

    def _check_offer(self, row: tuple[Any, ...]) -> None:
        """What one runner lets pass goes to another that would take it."""
        task_id, runner_id = row[1], row[2]
        of, count, since_s = self._passed.get(task_id, ("", 0, 0.0))
        if of != runner_id or count < _MOST_OFFERS:
            return
        others = [each for each, ready_s in self._ready().items() if each != runner_id and ready_s < since_s]
        others = [each for each in others if each not in self._passed_by.get(task_id, {})]
        if others:
            raise Breach("I10", f"{task_id} is offered to {runner_id} the {count + 1}th time; {others[0]} has room")

    def _follow(self, attempt_id: str, row: tuple[Any, ...]) -> None:
        if row[4] == "running":
            # It began for what was asked then, which only another stop ends: it waits and goes on as any other.
            self._stopped_after.pop(row[1], None)
        if row[4] != "stopping":
            self._stopping_since_s.pop(attempt_id, None)
        else:
            self._stopping_since_s.setdefault(attempt_id, self._loop.time())

    def passed(self, row: tuple[Any, ...]) -> None:
        """An offer was taken back that its runner let pass."""
        task_id, runner_id = row[1], row[2]
        of, count, since_s = self._passed.get(task_id, ("", 0, 0.0))
        same = of == runner_id
        self._passed[task_id] = (runner_id, count + 1 if same else 1, since_s if same else self._loop.time())
        self._passed_by.setdefault(task_id, {})[runner_id] = None

    def taken(self, row: tuple[Any, ...]) -> None:
        """An offer was accepted: the runner takes tasks."""
        self._passed.pop(row[1], None)
        self._passed_by.pop(row[1], None)
