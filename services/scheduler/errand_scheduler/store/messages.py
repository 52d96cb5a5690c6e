"""Messages: the transcript with the model, byte for byte."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from errand_common.values import Role
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.blobs import Blob, name_of, referred
from errand_scheduler.store.query import Query
from errand_scheduler.store.sizes import Size, size
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.usage import NO_USAGE, Usage, usage_of

_SELECT = """
    SELECT message_id, task_id, event_id, role, model, stop_reason, input_tokens, cache_write_tokens, cache_read_tokens,
    output_tokens, cost_nanodollars, messages.created_time, content, content_sha256, blobs.size_bytes AS content_bytes,
    (SELECT first.message_id FROM messages AS first WHERE first.event_id = messages.replaces_event_id) AS replaces
    FROM messages LEFT JOIN blobs ON sha256 = content_sha256
"""

_SIZES = "SELECT event_id, length(content) AS bytes FROM messages"
_AND_STANDS = """
    AND NOT EXISTS (
        SELECT 1 FROM messages AS later
        WHERE later.task_id = :task_id AND later.replaces_event_id <= messages.event_id
        AND later.event_id > messages.event_id
    )
"""


@dataclass(frozen=True)
class Message:
    """One entry of the transcript; `content` is empty where it is a blob. `event_id` orders it.

    From `replaces_message_id` on, it takes the place of all before it in what the model is sent; empty: of none.
    """

    message_id: str
    role: Role
    content: bytes
    model: str = ""
    stop_reason: str = ""
    usage: Usage | None = None
    content_blob: Blob | None = None
    replaces_message_id: str = ""
    task_id: str = ""
    event_id: int = 0
    created_time: int = 0


def sizes(task_id: str, *, after: int, limit: int, standing: bool = False) -> Query[Size]:
    """Where the task's messages after an event are, and how large; or of those alone that are `standing`, as below."""
    return Query(
        f"""
        {_SIZES}
        WHERE task_id = :task_id AND event_id > :after {_AND_STANDS if standing else ""}
        ORDER BY event_id
        LIMIT :limit
        """,
        size,
        {"task_id": task_id, "after": after, "limit": limit},
    )


def between(task_id: str, *, after: int, last: int, standing: bool = False) -> Query[Message]:
    """The task's messages after one event and up to another, oldest first; or those alone that are `standing`: in whose
    place no later one stands."""
    return Query(
        f"""
        {_SELECT}
        WHERE task_id = :task_id AND event_id > :after AND event_id <= :last {_AND_STANDS if standing else ""}
        ORDER BY event_id
        """,
        _message,
        {"task_id": task_id, "after": after, "last": last},
    )


def taken_ids(message_ids: Sequence[str]) -> Query[str]:
    """Those of the ids that are taken."""
    return Query(
        "SELECT message_id FROM messages WHERE message_id IN (SELECT value FROM json_each(:message_ids))",
        lambda row: str(row["message_id"]),
        {"message_ids": json.dumps(list(message_ids))},
    )


def known_ids(task_id: str, message_ids: Sequence[str]) -> Query[str]:
    """Those of the ids that are messages of the task."""
    return Query(
        """
        SELECT message_id FROM messages
        WHERE message_id IN (SELECT value FROM json_each(:message_ids)) AND task_id = :task_id
        """,
        lambda row: str(row["message_id"]),
        {"message_ids": json.dumps(list(message_ids)), "task_id": task_id},
    )


def insert_all(tx: Tx, attempt: Attempt, added: Sequence[tuple[int, Message]]) -> None:
    """Store messages of an attempt, each beside its event. Raises sqlite3.IntegrityError for an id that is taken."""
    tx.run_many(
        """
        INSERT INTO messages (
            message_id, task_id, attempt_id, event_id, role, model, stop_reason, input_tokens, cache_write_tokens,
            cache_read_tokens, output_tokens, cost_nanodollars, created_time, content, content_sha256,
            replaces_event_id
        )
        VALUES (
            :message_id, :task_id, :attempt_id, :event_id, :role, :model, :stop_reason, :input_tokens,
            :cache_write_tokens, :cache_read_tokens, :output_tokens, :cost_nanodollars, :now, :content,
            :content_sha256,
            (SELECT event_id FROM messages WHERE message_id = :replaces AND task_id = :task_id)
        )
        """,
        [
            {
                "message_id": message.message_id,
                "task_id": attempt.task_id,
                "attempt_id": attempt.attempt_id,
                "event_id": event_id,
                "role": message.role,
                "model": message.model,
                "stop_reason": message.stop_reason,
                "content": message.content,
                "content_sha256": name_of(message.content_blob),
                "replaces": message.replaces_message_id,
                "now": tx.now_us,
                **(NO_USAGE if message.usage is None else message.usage.columns()),
            }
            for event_id, message in added
        ],
    )


def _message(row: sqlite3.Row) -> Message:
    return Message(
        message_id=row["message_id"],
        role=Role(row["role"]),
        content=row["content"],
        model=row["model"],
        stop_reason=row["stop_reason"],
        usage=None if row["input_tokens"] is None else usage_of(row),
        content_blob=referred(row["content_sha256"], row["content_bytes"]),
        replaces_message_id=row["replaces"] or "",
        task_id=row["task_id"],
        event_id=row["event_id"],
        created_time=row["created_time"],
    )
