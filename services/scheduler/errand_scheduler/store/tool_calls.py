"""Tool calls: each run of a tool with its input, output and duration."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.blobs import Blob, name_of, referred
from errand_scheduler.store.query import Query
from errand_scheduler.store.sizes import Size, size
from errand_scheduler.store.transaction import Tx

_SELECT = """
    SELECT tool_call_id, task_id, event_id, tool_name, input, output, is_error, duration_us, tool_calls.created_time,
    input_sha256, input_blobs.size_bytes AS input_bytes, output_sha256, output_blobs.size_bytes AS output_bytes
    FROM tool_calls
    LEFT JOIN blobs AS input_blobs ON input_blobs.sha256 = input_sha256
    LEFT JOIN blobs AS output_blobs ON output_blobs.sha256 = output_sha256
"""


@dataclass(frozen=True)
class ToolCall:
    """One tool run; `output` and `duration_us` are none while it runs, `input` and `output` empty where they are blobs.
    `event_id` orders it."""

    tool_call_id: str
    tool_name: str
    input: bytes
    output: bytes | None = None
    is_error: bool = False
    duration_us: int | None = None
    input_blob: Blob | None = None
    output_blob: Blob | None = None
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


def start_all(tx: Tx, attempt: Attempt, begun: Sequence[tuple[int, ToolCall]]) -> None:
    """Store that tools began to run, each beside its event; one that is known stays as it is."""
    tx.run_many(
        """
        INSERT INTO tool_calls (
            tool_call_id, task_id, attempt_id, event_id, tool_name, created_time, input, input_sha256
        )
        VALUES (:tool_call_id, :task_id, :attempt_id, :event_id, :tool_name, :now, :input, :input_sha256)
        ON CONFLICT (task_id, tool_call_id) DO NOTHING
        """,
        [
            {
                "tool_call_id": call.tool_call_id,
                "task_id": attempt.task_id,
                "attempt_id": attempt.attempt_id,
                "event_id": event_id,
                "tool_name": call.tool_name,
                "input": call.input,
                "input_sha256": name_of(call.input_blob),
                "now": tx.now_us,
            }
            for event_id, call in begun
        ],
    )


def finish_all(tx: Tx, attempt: Attempt, ended: Sequence[ToolCall]) -> None:
    """Store how tools ended; the first end of each stays."""
    tx.run_many(
        """
        UPDATE tool_calls
        SET output = :output, output_sha256 = :output_sha256, is_error = :is_error, duration_us = :duration_us
        WHERE task_id = :task_id AND tool_call_id = :tool_call_id AND output IS NULL
        """,
        [
            {
                "task_id": attempt.task_id,
                "tool_call_id": call.tool_call_id,
                "output": call.output,
                "output_sha256": name_of(call.output_blob),
                "is_error": call.is_error,
                "duration_us": call.duration_us,
            }
            for call in ended
        ],
    )


def _tool_call(row: sqlite3.Row) -> ToolCall:
    return ToolCall(
        tool_call_id=row["tool_call_id"],
        tool_name=row["tool_name"],
        input=row["input"],
        output=row["output"],
        is_error=bool(row["is_error"]),
        duration_us=row["duration_us"],
        input_blob=referred(row["input_sha256"], row["input_bytes"]),
        output_blob=referred(row["output_sha256"], row["output_bytes"]),
        task_id=row["task_id"],
        event_id=row["event_id"],
        created_time=row["created_time"],
    )
