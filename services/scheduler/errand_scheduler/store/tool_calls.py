"""Tool calls: each run of a tool with its input, output and duration."""

import sqlite3
from dataclasses import dataclass

from errand_scheduler.store.query import Query
from errand_scheduler.store.sizes import Size, size
from errand_scheduler.store.transaction import Tx

_SELECT = """
    SELECT tool_call_id, task_id, event_id, tool_name, input, output, is_error, duration_us, created_time
    FROM tool_calls
"""


@dataclass(frozen=True)
class ToolCall:
    """One tool run; `output` and `duration_us` are none while it runs. `event_id` orders it."""

    tool_call_id: str
    tool_name: str
    input: bytes
    output: bytes | None = None
    is_error: bool = False
    duration_us: int | None = None
    task_id: str = ""
    event_id: int = 0
    created_time: int = 0


def sizes(task_id: str, *, after: int, limit: int) -> Query[Size]:
    """Where the task's tool calls after an event are, and how large."""
    return Query(
        """
        SELECT event_id, length(input) + COALESCE(length(output), 0) AS bytes FROM tool_calls
        WHERE task_id = :task_id AND event_id > :after
        ORDER BY event_id
        LIMIT :limit
        """,
        size,
        {"task_id": task_id, "after": after, "limit": limit},
    )


def between(task_id: str, *, after: int, last: int) -> Query[ToolCall]:
    """The task's tool calls that began after one event and up to another, oldest first."""
    return Query(
        f"""
        {_SELECT}
        WHERE task_id = :task_id AND event_id > :after AND event_id <= :last
        ORDER BY event_id
        """,
        _tool_call,
        {"task_id": task_id, "after": after, "last": last},
    )


def start(tx: Tx, call: ToolCall, *, task_id: str, attempt_id: str, event_id: int) -> None:
    """Store that a tool began to run; one that is known stays as it is."""
    tx.run(
        """
        INSERT INTO tool_calls (tool_call_id, task_id, attempt_id, event_id, tool_name, created_time, input)
        VALUES (:tool_call_id, :task_id, :attempt_id, :event_id, :tool_name, :now, :input)
        ON CONFLICT (task_id, tool_call_id) DO NOTHING
        """,
        {
            "tool_call_id": call.tool_call_id,
            "task_id": task_id,
            "attempt_id": attempt_id,
            "event_id": event_id,
            "tool_name": call.tool_name,
            "input": call.input,
            "now": tx.now_us,
        },
    )


def finish(tx: Tx, call: ToolCall, *, task_id: str) -> None:
    """Store how a tool ended; the first end stays."""
    tx.run(
        """
        UPDATE tool_calls
        SET output = :output, is_error = :is_error, duration_us = :duration_us
        WHERE task_id = :task_id AND tool_call_id = :tool_call_id AND output IS NULL
        """,
        {
            "task_id": task_id,
            "tool_call_id": call.tool_call_id,
            "output": call.output,
            "is_error": call.is_error,
            "duration_us": call.duration_us,
        },
    )


def _tool_call(row: sqlite3.Row) -> ToolCall:
    return ToolCall(
        tool_call_id=row["tool_call_id"],
        tool_name=row["tool_name"],
        input=row["input"],
        output=row["output"],
        is_error=bool(row["is_error"]),
        duration_us=row["duration_us"],
        task_id=row["task_id"],
        event_id=row["event_id"],
        created_time=row["created_time"],
    )
