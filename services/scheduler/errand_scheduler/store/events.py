"""Events: the one numbered list of facts."""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from errand_scheduler.store.appends import Append
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.notices import EventsStored
from errand_scheduler.store.query import Params, Query, number
from errand_scheduler.store.transaction import Tx

_SELECT = "SELECT event_id, task_id, attempt_id, body, created_time FROM events"
"""An event's columns, in the order of its fields."""


class Event(NamedTuple):
    """One fact; `body` is an EventBody as it came."""

    # A tuple: there are many of these, and a frozen dataclass takes four times as long to make.

    event_id: int
    task_id: str
    attempt_id: str | None
    body: bytes
    created_time: int


class NewEvent(NamedTuple):
    """One fact of the scheduler's own to be stored."""

    task_id: str
    user_id: str
    kind: str
    body: bytes
    attempt_id: str | None = None


class Told(Protocol):
    """One fact as an attempt's runner told it; `sequence` rises by one within the attempt."""

    @property
    def sequence(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def body(self) -> bytes: ...


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
        Event._make,
        {"task_id": task_id, "after": after, "limit": limit},
    )


def any_of_kind(tx: Tx, task_id: str, kind: str) -> bool:
    """Whether an event of the task is of this kind."""
    tx.settle()
    found = Query(
        "SELECT event_id FROM events WHERE task_id = :task_id AND kind = :kind LIMIT 1",
        number,
        {"task_id": task_id, "kind": kind},
    )
    return tx.one(found) is not None


def told_already(tx: Tx, attempt_id: str, kind: str, body: bytes) -> bool:
    """Whether an event of the attempt says just this."""
    tx.settle()
    found = Query(
        "SELECT event_id FROM events WHERE attempt_id = :attempt_id AND kind = :kind AND body = :body LIMIT 1",
        number,
        {"attempt_id": attempt_id, "kind": kind, "body": body},
    )
    return tx.one(found) is not None


def of_user(user_id: str, *, after: int, limit: int) -> Query[Event]:
    """The events of all of the user's tasks after one, oldest first."""
    return Query(
        f"""
        {_SELECT}
        WHERE user_id = :user_id AND event_id > :after
        ORDER BY event_id
        LIMIT :limit
        """,
        Event._make,
        {"user_id": user_id, "after": after, "limit": limit},
    )


def append(tx: Tx, event: NewEvent) -> int:
    """Store a fact, with others of the transaction, have watchers told, and return its number."""
    waiting = tx.waiting(_APPEND)
    last = waiting[-1][0].event_id if waiting else tx.one(head()) or 0
    stored = Event(last + 1, event.task_id, event.attempt_id, event.body, tx.now_us)
    waiting.append((stored, event))
    tx.notice(EventsStored(user_id=event.user_id, task_id=event.task_id, events=(stored,)))
    return stored.event_id


def append_all(tx: Tx, attempt: Attempt, told: Sequence[Told]) -> int:
    """Store consecutive facts of an attempt under consecutive numbers, have watchers told once, and return the first
    number."""
    # What was appended before is numbered already.
    tx.settle()
    bodies = [each.body for each in told]
    # One statement with the bodies end to end: measured a sixth cheaper than a statement for each row. A piece of no
    # bytes at all is NULL to SQLite.
    last = tx.insert(
        """
        INSERT INTO events (task_id, user_id, attempt_id, attempt_sequence, kind, body, created_time)
        SELECT :task_id, :user_id, :attempt_id, :first_sequence + key,
            value ->> 0, COALESCE(substr(:bodies, value ->> 1, value ->> 2), x''), :now
        FROM json_each(:places)
        """,
        {
            "task_id": attempt.task_id,
            "user_id": attempt.user_id,
            "attempt_id": attempt.attempt_id,
            "first_sequence": told[0].sequence,
            "bodies": b"".join(bodies),
            "places": json.dumps([(each.kind, *place) for each, place in zip(told, _places(bodies), strict=True)]),
            "now": tx.now_us,
        },
    )
    first = last - len(told) + 1
    stored = tuple(
        Event(event_id, attempt.task_id, attempt.attempt_id, each.body, tx.now_us)
        for event_id, each in enumerate(told, start=first)
    )
    tx.notice(EventsStored(user_id=attempt.user_id, task_id=attempt.task_id, events=stored))
    return first


def bodies_of_attempt(attempt_id: str, sequences: Sequence[int]) -> Query[tuple[int, bytes]]:
    """What is stored under these of the runner's numbers."""
    return Query(
        """
        SELECT attempt_sequence, body FROM events
        WHERE attempt_id = :attempt_id AND attempt_sequence IN (SELECT value FROM json_each(:sequences))
        """,
        lambda row: (row["attempt_sequence"], row["body"]),
        {"attempt_id": attempt_id, "sequences": json.dumps(list(sequences))},
    )


def _appended(rows: Sequence[tuple[Event, NewEvent]]) -> Params:
    bodies = [stored.body for stored, _ in rows]
    told = [
        (stored.event_id, stored.task_id, new.user_id, stored.attempt_id, new.kind, stored.created_time, *place)
        for (stored, new), place in zip(rows, _places(bodies), strict=True)
    ]
    return {"bodies": b"".join(bodies), "rows": json.dumps(told)}


_APPEND = Append(
    """
    INSERT INTO events (event_id, task_id, user_id, attempt_id, kind, created_time, body)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
        COALESCE(substr(:bodies, value ->> 6, value ->> 7), x'')
    FROM json_each(:rows)
    """,
    _appended,
)


def _places(bodies: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Where each lies in all of them end to end, from 1, and how long it is."""
    start = 1
    for body in bodies:
        yield start, len(body)
        start += len(body)
