"""What was seen so far of a schedule's database, and what peers were told: the rules compare with it."""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from errand_common.values import AttemptPhase

Row = tuple[Any, ...]
FINAL = frozenset(phase.value for phase in AttemptPhase if phase.final)
TASK_FINAL = frozenset(("completed", "failed", "cancelled"))
STOPPED = "SELECT subject_id FROM audit_log WHERE action = 'stop_task'"
ATTEMPTS = """
    SELECT attempt_id, task_id, runner_id, fence, phase, deadline_time, acked_sequence, completed_time, reason,
    failure_reason, disconnected FROM attempts
"""
TASKS = """
    SELECT task_id, status, status_reason, deadline_time, wait_reason, resume_time, retry_count, completed_time,
    failure_reason, user_id, prompt, record FROM tasks
"""
_SLOWEST_COMMIT_S = 20.0


@dataclass
class Seen:
    """What is remembered of an attempt."""

    row: Row
    since_s: float
    stopped: bool = False


@dataclass
class Sent:
    """What a runner sent of an attempt: the first bytes of each sequence stay true for ever."""

    events: dict[int, bytes] = field(default_factory=dict)
    bodies: dict[int, bytes] = field(default_factory=dict)


class Ledger:
    """One schedule's memory. `slots`: how many a runner has; `kept_s`: how long what is over is on record."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: sqlite3.Connection,
        *,
        slots: Callable[[str], int],
        note: Callable[[str], None],
        kept_s: float,
    ) -> None:
        self.loop, self.slots, self.note = loop, slots, note
        self.cursor = connection.cursor()
        self.cursor.row_factory = None
        self.attempts: dict[str, Seen] = {}
        self.tasks: dict[str, Row] = {}
        self.task_since_s: dict[str, float] = {}
        self.last_event = self.last_audit = 0
        self.stops: set[str] = set()
        """Tasks of which a stop was stored. Its line in the log goes with time; who asks again then is answered all the
        same."""
        self.acked: dict[str, int] = {}
        self.sent: dict[tuple[str, int], Sent] = defaultdict(Sent)
        self.carried: dict[str, int] = {}
        self.created: list[str] = []
        self.wrote: dict[str, str] = {}
        """Inputs, and to which task."""
        self.fences: dict[str, int] = {}
        """The highest of each task, in every history that there was."""
        self.spoiled: set[str] = set()
        """Attempts of which the schedule made sure that their record cannot be stored."""
        self.taken_before: set[str] = set()
        """Attempts that a runner had taken in a history that a restore put away."""
        self.set_back: set[str] = set()
        """Attempts of which a restore put away events that were acknowledged: they cannot go on, whatever they tell."""
        self.lost: set[str] = set()
        """Names that a restored backup knew nothing of."""
        self.kept_s = kept_s
        self.scheduler_since_s = 0.0
        self.stalled_s = 0.0
        """When the scheduler stood still last."""
        self.restored_s: float | None = None
        """When a backup was restored last."""
        self.clock_jumped = False
        """Whether the scheduler's wall clock, by which it arms its timers at a start, ever jumped."""
        self.cloned = False
        """Whether two hosts ever acted as one runner."""

    def scheduler_is_back(self, now_s: float) -> None:
        """It sees to things again; what its disk took just before, it learns now."""
        self.scheduler_since_s = now_s
        for seen in self.attempts.values():
            if abs(self.stalled_s - seen.since_s) < _SLOWEST_COMMIT_S:
                seen.since_s = now_s

    def decided_s(self, committed_s: float) -> float:
        """When it may have been decided what was committed then: a commit on its way sleeps with the scheduler."""
        asleep = self.stalled_s < self.scheduler_since_s <= committed_s
        return self.stalled_s if asleep and committed_s - self.scheduler_since_s < _SLOWEST_COMMIT_S else committed_s

    def one(self, sql: str, *values: Any) -> Any:
        """The first row of an answer."""
        return self.cursor.execute(sql, values).fetchone()

    def has(self, table: str, column: str, key: str) -> bool:
        """Whether there is such a row."""
        return self.one(f"SELECT 1 FROM {table} WHERE {column} = ?", key) is not None

    def is_unsure(self, attempt_id: str) -> bool:
        """Whether the record of an attempt, at its runner, may be another one than it was."""
        return self.cloned or attempt_id in self.spoiled or attempt_id in self.set_back

    def is_on_record(self, task_id: str) -> bool:
        """Whether what was told of a task is still kept."""
        row = self.one("SELECT record FROM tasks WHERE task_id = ?", task_id)
        return row is None or row[0] == "kept"

    def rows_of(self, runner: str) -> list[Row]:
        """The rows of all attempts that a runner ever had."""
        return [seen.row for seen in self.attempts.values() if seen.row[2] == runner]

    def live(self) -> list[Row]:
        """The rows of the attempts that are not over."""
        return [seen.row for seen in self.attempts.values() if seen.row[4] not in FINAL]
