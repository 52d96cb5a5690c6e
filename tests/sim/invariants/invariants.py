"""What must hold after every step, read from the database and from what peers were told, not from the code's memory."""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from errand.v1 import event_pb2
from errand_common.errors import ErrandError
from errand_common.values import AttemptPhase
from tests.sim.breach import Breach
from tests.sim.follower import Follower, number_of
from tests.sim.outside import Outside, Standing
from tests.sim.promises import Promises
from tests.sim.scheduler_host import BEAT_S

_FINAL = frozenset(phase.value for phase in AttemptPhase if phase.final)
_RANK = {phase.value: phase.rank for phase in AttemptPhase}
_TASK_FINAL = frozenset(("completed", "failed", "cancelled"))
_SLACK_BEATS = 8
# How long an attempt may stay in a phase while the scheduler is up; None: for as long as its runner is heard of.
_LOST_BEATS = 120
_MOST_BEATS = {"offered": 3, "accepted": 12 + _LOST_BEATS, "starting": 360 + _LOST_BEATS, "stopping": 24}
_ATTEMPTS = """
    SELECT attempt_id, task_id, runner_id, fence, phase, deadline_time, acked_sequence, completed_time, reason,
    failure_reason, disconnected FROM attempts
"""
_TASKS = """
    SELECT task_id, status, status_reason, deadline_time, wait_reason, resume_time, retry_count, completed_time,
    failure_reason, user_id, prompt FROM tasks
"""
_MOST_RETRIES = 3
_OFFER_S = 3 * BEAT_S


@dataclass
class _Seen:
    """What is remembered of an attempt."""

    row: tuple[Any, ...]
    since_s: float
    stopped: bool = False


@dataclass
class _Sent:
    """What a runner sent of an attempt: the first bytes of each sequence stay true for ever."""

    events: dict[int, bytes] = field(default_factory=dict)
    bodies: dict[int, bytes] = field(default_factory=dict)


class Invariants:
    """Watches one schedule. Raises Breach through `broke`, for it is called from everywhere."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: sqlite3.Connection,
        *,
        slots: Callable[[str], int],
        ready: Callable[[], Mapping[str, float]],
        broke: Callable[[BaseException], None],
        note: Callable[[str], None],
    ) -> None:
        self._loop, self._broke, self._slots, self._note = loop, broke, slots, note
        self._connection = connection
        self._cursor = connection.cursor()
        self._cursor.row_factory = None
        self.promises = Promises(loop, self._cursor, ready=ready)
        self._attempts: dict[str, _Seen] = {}
        self._tasks: dict[str, tuple[Any, ...]] = {}
        self._last_event = 0
        self._last_audit = 0
        self._acked: dict[str, int] = {}
        self._sent: dict[tuple[str, int], _Sent] = defaultdict(_Sent)
        self._carried: dict[str, int] = {}
        self._created: list[str] = []
        self._wrote: list[str] = []
        self._finished: dict[str, int] = {}
        self._owner: dict[str, str] = {}
        self.scheduler_since_s = 0.0
        self.checks = 0
        self.cloned = False

    # What peers were told

    def created(self, task_id: str) -> None:
        """A person was told that the task is created."""
        self._created.append(task_id)
        self._kept("tasks", "task_id", task_id)

    def wrote(self, input_id: str) -> None:
        """A person was told that the input is stored."""
        self._wrote.append(input_id)
        self._kept("inputs", "input_id", input_id)

    def stopped(self, task_id: str) -> None:
        """A person was told that the task is stopped: the commit that did it was looked at by then."""
        row = self._one("SELECT COUNT(*) FROM audit_log WHERE action = 'stop_task' AND subject_id = ?", task_id)
        if not row[0]:
            raise Breach("I6", f"StopTask of {task_id} was answered, and nothing was stored")

    def refused(self, method: str, request: Any, error: ErrandError) -> None:
        """A person was refused: in a state in which that may be."""
        if method == "StopTask":
            raise Breach("I6", f"a stop was refused: {error.reason} {error.message}")
        if method in ("CreateTask", "GetTask", "ListTasks", "ListEvents", "ListMessages", "ListToolCalls"):
            raise Breach("I1", f"{method} was refused: {error.reason} {error.message}")

    def sent(self, attempt_id: str, fence: int, sequence: int, data: bytes, body: bytes) -> None:
        """A runner sent an event: what it sent once it may never tell otherwise."""
        known = self._sent[attempt_id, fence]
        before = known.events.setdefault(sequence, data)
        known.bodies.setdefault(sequence, body)
        if before != data and not self.cloned:
            raise Breach("I3", f"{attempt_id} sends event {sequence} again with other content")

    def acked(self, attempt_id: str, sequence: int) -> None:
        """A runner was told that everything up to a sequence is safe."""
        row = self._one(
            "SELECT COUNT(*), MAX(attempt_sequence) FROM events WHERE attempt_id = ? AND attempt_sequence <= ?",
            attempt_id,
            sequence,
        )
        if sequence and row != (sequence, sequence):
            raise Breach("I3", f"{attempt_id} was acked up to {sequence}; {row[0]} events are stored")

    def finished(self, attempt_id: str, last_sequence: int) -> None:
        """A runner was told that its attempt's end is stored."""
        row = self._one("SELECT phase, acked_sequence, stop_cause FROM attempts WHERE attempt_id = ?", attempt_id)
        if row is None or row[0] not in _FINAL:
            raise Breach("I5", f"the end of {attempt_id} was answered, and it is {row and row[0]}")
        # A stop that its runner carried out does not wait for what cannot be stored.
        stopped = row[2] is not None and row[0] in ("cancelled", "timed_out")
        if row[1] < last_sequence and not stopped:
            raise Breach("I5", f"{attempt_id} was ended with events up to {row[1]} stored; its last is {last_sequence}")

    def held(self, attempt_id: str, fence: int, last_sequence: int) -> None:
        """A runner says what it holds: no less than what was acked, if its disk is a disk."""
        row = self._one("SELECT acked_sequence, phase, fence FROM attempts WHERE attempt_id = ?", attempt_id)
        if row is None or self.cloned or row[2] != fence or row[1] in _FINAL:
            return
        if last_sequence < row[0]:
            raise Breach("I3", f"the runner holds {last_sequence} events of {attempt_id}, and {row[0]} were acked")

    def standing(self, task_id: str, attempt_id: str, fence: int) -> Standing | None:
        """Where an attempt that does something stands."""
        row = self._one("SELECT phase FROM attempts WHERE attempt_id = ?", attempt_id)
        if row is None:
            return None
        newer = self._cursor.execute(
            "SELECT phase, accepted_time FROM attempts WHERE task_id = ? AND fence > ?", (task_id, fence)
        ).fetchall()
        return Standing(
            phase=row[0],
            newer_accepted=any(accepted is not None for _, accepted in newer),
            newer_live=any(phase not in _FINAL for phase, _ in newer),
        )

    def follower(self, who: str, task_id: str) -> Follower:
        """One who watches."""
        return Follower(self._cursor, who, task_id)

    # After each commit

    def committed(self) -> None:
        """Look at what a commit changed."""
        self.checks += 1
        try:
            self._look()
        except Breach as exc:
            self._broke(exc)

    def _look(self) -> None:
        now = self._loop.time()
        rows = {row[0]: row for row in self._cursor.execute(_ATTEMPTS)}
        events = self._cursor.execute(
            "SELECT event_id, task_id, attempt_id, attempt_sequence, kind, body FROM events WHERE event_id > ? "
            "ORDER BY event_id",
            (self._last_event,),
        ).fetchall()
        tasks = {row[0]: row for row in self._cursor.execute(_TASKS)}
        stops = self._cursor.execute(
            "SELECT audit_id, subject_id FROM audit_log WHERE audit_id > ? AND action = 'stop_task'",
            (self._last_audit,),
        ).fetchall()
        self._note(f"commit: {len(events)} events")
        if events:
            self._check_events(events)
        self._check_stops(stops, rows, tasks, events)
        self._check_attempts(rows, now)
        self._check_tasks(tasks, rows, events)
        self.promises.look(rows, stops)
        self._tasks = tasks

    def _check_events(self, events: list[tuple[Any, ...]]) -> None:
        for event_id, task_id, attempt_id, sequence, kind, body in events:
            self._last_event = event_id
            if sequence is None:
                continue
            seen = self._attempts.get(attempt_id)
            if seen is not None and seen.row[4] in _FINAL:
                raise Breach("I5", f"event {event_id} of {attempt_id} was stored after its end")
            expected = self._acked.get(attempt_id, 0) + 1
            if sequence != expected:
                raise Breach("I4", f"{attempt_id} has event {sequence} stored where {expected} should follow")
            self._acked[attempt_id] = sequence
            fence = self._one("SELECT fence FROM attempts WHERE attempt_id = ?", attempt_id)[0]
            if self._sent[attempt_id, fence].bodies.get(sequence) != body and not self.cloned:
                raise Breach("I4", f"event {sequence} of {attempt_id} is stored with other bytes than were sent")
            if kind == "message_appended":
                for input_id in event_pb2.EventBody.FromString(body).message_appended.input_ids:
                    other = self._carried.setdefault(input_id, event_id)
                    if other != event_id:
                        raise Breach("I4", f"input {input_id} is carried to the model by two messages of {task_id}")

    def _check_stops(
        self,
        stops: list[tuple[Any, ...]],
        rows: dict[str, tuple[Any, ...]],
        tasks: dict[str, tuple[Any, ...]],
        events: list[tuple[Any, ...]],
    ) -> None:
        for audit_id, task_id in stops:
            self._last_audit = max(self._last_audit, audit_id)
            on_again = any(event[1] == task_id and event[4] in ("input_added", "task_retried") for event in events)
            ending = any(row[1] == task_id and row[4] == "stopping" for row in rows.values())
            if tasks[task_id][1] not in _TASK_FINAL and not ending and not on_again:
                raise Breach("I6", f"{task_id} was stopped and is {tasks[task_id][1]}")
            for attempt_id, seen in self._attempts.items():
                if seen.row[1] == task_id and seen.row[4] not in _FINAL:
                    # In one commit with its end, either may have come first.
                    seen.stopped = seen.stopped or rows[attempt_id][4] == "stopping"
                    if rows[attempt_id][4] not in _FINAL and rows[attempt_id][4] != "stopping":
                        raise Breach("I6", f"{task_id} was stopped, and {attempt_id} is {rows[attempt_id][4]}")

    def _check_attempts(self, rows: dict[str, tuple[Any, ...]], now: float) -> None:
        live_of_task: dict[str, str] = {}
        live_of_runner: dict[str, int] = defaultdict(int)
        for attempt_id, row in rows.items():
            seen = self._attempts.get(attempt_id)
            if row[4] not in _FINAL:
                if row[1] in live_of_task:
                    raise Breach("I2", f"{row[1]} has two live attempts, {live_of_task[row[1]]} and {attempt_id}")
                live_of_task[row[1]] = attempt_id
                live_of_runner[row[2]] += 1
                if row[5] is None:
                    raise Breach("deadline", f"{attempt_id} is {row[4]} without a deadline")
                if row[6] != self._acked.get(attempt_id, 0):
                    raise Breach("I4", f"{attempt_id} counts {row[6]} events, {self._acked.get(attempt_id, 0)} stored")
            if seen is None:
                self._check_new(row, rows)
                self._attempts[attempt_id] = _Seen(row, now)
            elif seen.row != row:
                self._check_moved(seen, row, now)
        for attempt_id in self._attempts:
            if attempt_id not in rows:
                raise Breach("I5", f"{attempt_id} is gone")
        for runner, count in live_of_runner.items():
            if count > self._slots(runner):
                raise Breach("I10", f"{runner} has {count} attempts and {self._slots(runner)} slots")

    def _check_new(self, row: tuple[Any, ...], rows: dict[str, tuple[Any, ...]]) -> None:
        for other in rows.values():
            if other[1] == row[1] and other[0] != row[0] and other[0] in self._attempts and other[3] >= row[3]:
                raise Breach("I2", f"{row[0]} has fence {row[3]}, no higher than that of {other[0]}")

    def _check_moved(self, seen: _Seen, row: tuple[Any, ...], now: float) -> None:
        if seen.row[4] in _FINAL:
            raise Breach("I5", f"{row[0]} was {seen.row[4]} for good and changed to {row}")
        before_s = seen.since_s
        if _RANK[row[4]] < _RANK[seen.row[4]]:
            raise Breach("I2", f"{row[0]} went back from {seen.row[4]} to {row[4]}")
        if seen.row[3] != row[3] or seen.row[2] != row[2] or seen.row[1] != row[1]:
            raise Breach("I2", f"{row[0]} changed whose it is")
        if seen.row[4] != row[4]:
            seen.since_s = now
        if seen.row[4] == "offered" and row[4] == "withdrawn" and now - before_s >= _OFFER_S:
            self.promises.passed(row)
        elif seen.row[4] == "offered" and row[4] != "withdrawn":
            self.promises.taken(row)
        seen.row = row

    def _check_tasks(
        self, tasks: dict[str, tuple[Any, ...]], rows: dict[str, tuple[Any, ...]], events: list[tuple[Any, ...]]
    ) -> None:
        live = {row[1]: row for row in rows.values() if row[4] not in _FINAL}
        for task_id, row in tasks.items():
            status, before, attempt = row[1], self._tasks.get(task_id), live.get(task_id)
            if status in ("pending", "waiting"):
                if not row[2]:
                    raise Breach("I1", f"{task_id} is {status} and nobody says why")
                if row[3] is None:
                    raise Breach("deadline", f"{task_id} is {status} without a deadline")
            if row[6] > _MOST_RETRIES:
                raise Breach("retries", f"{task_id} is tried again for the {row[6]}th time")
            if before is None:
                self._check_new_task(row)
            if status == "waiting" and not row[4]:
                raise Breach("I1", f"{task_id} waits for nothing")
            if status == "pending" and attempt is not None and attempt[4] != "offered":
                raise Breach("I2", f"{task_id} is pending while {attempt[0]} is {attempt[4]}")
            if status == "running" and (attempt is None or attempt[4] == "offered"):
                raise Breach("I1", f"{task_id} is running without an attempt at work")
            if status in _TASK_FINAL and attempt is not None:
                raise Breach("I2", f"{task_id} is {status} while {attempt[0]} is {attempt[4]}")
            if before is not None and before[1] != status:
                self._check_task_moved(before, row, rows, events)
        for task_id in self._tasks:
            if task_id not in tasks:
                raise Breach("I1", f"{task_id} is gone")

    def _check_new_task(self, row: tuple[Any, ...]) -> None:
        for other in self._tasks.values():
            if other[0] != row[0] and other[9:] == row[9:]:
                raise Breach("once", f"{row[0]} and {other[0]} come from one request")

    def _check_task_moved(
        self,
        before: tuple[Any, ...],
        row: tuple[Any, ...],
        rows: dict[str, tuple[Any, ...]],
        events: list[tuple[Any, ...]],
    ) -> None:
        task_id, status = row[0], row[1]
        kinds = [event[4] for event in events if event[1] == task_id]
        if before[1] in _TASK_FINAL and not {"input_added", "task_retried"} & set(kinds):
            raise Breach("I5", f"{task_id} left {before[1]} for {status} without an input or a retry")
        if "task_status_changed" not in kinds:
            raise Breach("I5", f"{task_id} went from {before[1]} to {status} without an event")
        if status in ("completed", "failed", "waiting"):
            last = max((seen for seen in self._attempts.values() if seen.row[1] == task_id), key=_fence, default=None)
            if last is not None and last.stopped:
                raise Breach("I6", f"{task_id} became {status} by {last.row[0]}, which a person had stopped")

    # From time to time

    def tick(self) -> None:
        """Nothing stays where it is for longer than its deadline allows."""
        now = self._loop.time()
        self.promises.tick()
        for attempt_id, seen in self._attempts.items():
            most = _MOST_BEATS.get(seen.row[4])
            if most is None:
                continue
            late_s = now - max(seen.since_s, self.scheduler_since_s) - (most + _SLACK_BEATS) * BEAT_S
            if late_s > 0:
                invariant = "I6" if seen.row[4] == "stopping" else "deadline"
                raise Breach(invariant, f"{attempt_id} is {seen.row[4]} for too long, {late_s:.0f} s over its time")

    def live(self) -> list[tuple[Any, ...]]:
        """The rows of the attempts that are not over."""
        return [seen.row for seen in self._attempts.values() if seen.row[4] not in _FINAL]

    def tasks(self) -> list[tuple[Any, ...]]:
        """The rows of all tasks."""
        return list(self._tasks.values())

    def at_end(self, outside: Outside) -> None:
        """What was promised to people is there, and the database is whole."""
        for task_id in self._created:
            self._kept("tasks", "task_id", task_id)
        for input_id in self._wrote:
            self._kept("inputs", "input_id", input_id)
        for check in ("integrity_check", "foreign_key_check"):
            found = self._cursor.execute(f"PRAGMA {check}").fetchall()
            if found not in ([("ok",)], []):
                raise Breach("I3", f"{check}: {found}")
        if outside.containers:
            raise Breach("I7", f"{len(outside.containers)} containers are left: {list(outside.containers)}")

    def complete(self, task_id: str, cursor: str, who: str) -> None:
        """One who watches without interruption, and reads, has everything."""
        if task_id:
            row = self._one("SELECT MAX(event_id) FROM events WHERE task_id = ?", task_id)
            if row[0] is not None and number_of(cursor) < row[0]:
                raise Breach("I8", f"{who} watches and was never told of event {row[0]}")

    def _kept(self, table: str, column: str, key: str) -> None:
        if self._one(f"SELECT 1 FROM {table} WHERE {column} = ?", key) is None:
            raise Breach("I1", f"{key} was promised and is not there")

    def _one(self, sql: str, *values: Any) -> Any:
        return self._cursor.execute(sql, values).fetchone()


def _fence(seen: _Seen) -> int:
    return int(seen.row[3])
