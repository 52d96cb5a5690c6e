"""Events: the one numbered list of facts."""

import sqlite3
from dataclasses import dataclass

from errand_scheduler.store.notices import EventStored
from errand_scheduler.store.query import Query, number
from errand_scheduler.store.transaction import Tx

_SELECT = "SELECT event_id, task_id, attempt_id, body, created_time FROM events"


@dataclass(frozen=True)
class Event:
    """One fact; `body` is an EventBody as it came."""

    event_id: int
    task_id: str
    attempt_id: str | None
    body: bytes
    created_time: int


@dataclass(frozen=True)
class NewEvent:
    """One fact to be stored. `attempt_sequence` is the runner's number of it, none for the scheduler's own."""

    task_id: str
    user_id: str
    kind: str
    body: bytes
    attempt_id: str | None = None
    attempt_sequence: int | None = None


def head() -> Query[int]:
    """The number of the newest event ever stored."""
    return Query("SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)", number)


def of_task(task_id: str, *, after: int, limit: int) -> Query[Event]:
    """The task's events after one, oldest first."""
    return Query(
        f"""
        {_SELECT}
        WHERE task_id = :task_id AND event_id > :after
        ORDER BY event_id
        LIMIT :limit
        """,
        _event,
        {"task_id": task_id, "after": after, "limit": limit},
    )


def of_user(user_id: str, *, after: int, limit: int) -> Query[Event]:
    """The events of all of the user's tasks after one, oldest first."""
    return Query(
        f"""
        {_SELECT}
        WHERE user_id = :user_id AND event_id > :after
        ORDER BY event_id
        LIMIT :limit
        """,
        _event,
        {"user_id": user_id, "after": after, "limit": limit},
    )


def append(tx: Tx, event: NewEvent) -> int:
    """Store a fact, have watchers told, and return its number."""
    event_id = tx.insert(
        """
        INSERT INTO events (task_id, user_id, attempt_id, attempt_sequence, kind, body, created_time)
        VALUES (:task_id, :user_id, :attempt_id, :attempt_sequence, :kind, :body, :now)
        """,
        {
            "task_id": event.task_id,
            "user_id": event.user_id,
            "attempt_id": event.attempt_id,
            "attempt_sequence": event.attempt_sequence,
            "kind": event.kind,
            "body": event.body,
            "now": tx.now_us,
        },
    )
    tx.notice(EventStored(user_id=event.user_id, task_id=event.task_id, event_id=event_id))
    return event_id


def _event(row: sqlite3.Row) -> Event:
    return Event(
        event_id=row["event_id"],
        task_id=row["task_id"],
        attempt_id=row["attempt_id"],
        body=row["body"],
        created_time=row["created_time"],
    )
