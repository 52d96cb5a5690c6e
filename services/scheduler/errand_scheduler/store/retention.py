"""What is old enough to go, found and deleted a piece at a time."""

import json
import sqlite3
from collections.abc import Sequence

from errand_scheduler.store.query import Query, number
from errand_scheduler.store.transaction import Tx

CHUNK = 500
"""How many rows one transaction deletes: whoever waits behind it hardly notices."""

_DELETE_PIECE = (
    "DELETE FROM judgements WHERE task_id = :task_id",
    "DELETE FROM spending WHERE attempt_id IN (SELECT attempt_id FROM attempts WHERE task_id = :task_id)",
    "DELETE FROM inputs WHERE rowid IN (SELECT rowid FROM inputs WHERE task_id = :task_id LIMIT :chunk)",
    "DELETE FROM tool_calls WHERE rowid IN (SELECT rowid FROM tool_calls WHERE task_id = :task_id LIMIT :chunk)",
    "DELETE FROM messages WHERE rowid IN (SELECT rowid FROM messages WHERE task_id = :task_id LIMIT :chunk)",
    "DELETE FROM events WHERE rowid IN (SELECT rowid FROM events WHERE task_id = :task_id LIMIT :chunk)",
)
"""Of a task's record, in the order in which the tables refer to one another."""


def over(before: int) -> Query[str]:
    """Tasks that were over by then and still have a record, those that ended first at first."""
    return Query(
        """
        SELECT task_id FROM tasks
        WHERE completed_time < :before AND record != 'gone'
        ORDER BY completed_time
        LIMIT :chunk
        """,
        _text,
        {"before": before, "chunk": CHUNK},
    )


def record_is_kept(task_id: str) -> Query[bool]:
    """Whether the task can be continued, as far as its record goes."""
    return Query("SELECT record = 'kept' FROM tasks WHERE task_id = :task_id", _truth, {"task_id": task_id})


def forget(tx: Tx, task_id: str, *, before: int) -> bool:
    """Delete a piece of the task's record; returns whether there is more. One that was continued meanwhile is kept."""
    going = tx.run(
        """
        UPDATE tasks SET record = 'going', prefix = NULL
        WHERE task_id = :task_id AND completed_time < :before AND record != 'gone'
        """,
        {"task_id": task_id, "before": before},
    )
    if not going:
        return False
    for delete in _DELETE_PIECE:
        if tx.run(delete, {"task_id": task_id, "chunk": CHUNK}) > 0:
            return True
    tx.run("UPDATE tasks SET record = 'gone' WHERE task_id = :task_id", {"task_id": task_id})
    return False


def unreferred(before: int) -> Query[str]:
    """Blobs that nothing refers to and that were put before then."""
    return Query(
        """
        SELECT sha256 FROM blobs
        WHERE created_time < :before
        AND NOT EXISTS (SELECT 1 FROM messages WHERE content_sha256 = sha256)
        AND NOT EXISTS (SELECT 1 FROM tool_calls WHERE input_sha256 = sha256)
        AND NOT EXISTS (SELECT 1 FROM tool_calls WHERE output_sha256 = sha256)
        LIMIT :chunk
        """,
        _text,
        {"before": before, "chunk": CHUNK},
    )


def drop_blobs(tx: Tx, sha256s: Sequence[str]) -> list[str]:
    """Delete those of the blobs that still nothing refers to; returns which."""
    return tx.all(
        Query(
            """
            DELETE FROM blobs
            WHERE sha256 IN (SELECT value FROM json_each(:sha256s))
            AND NOT EXISTS (SELECT 1 FROM messages WHERE content_sha256 = sha256)
            AND NOT EXISTS (SELECT 1 FROM tool_calls WHERE input_sha256 = sha256)
            AND NOT EXISTS (SELECT 1 FROM tool_calls WHERE output_sha256 = sha256)
            RETURNING sha256
            """,
            _text,
            {"sha256s": json.dumps(list(sha256s))},
        )
    )


def drop_audit(tx: Tx, *, before: int) -> int:
    """Delete a piece of the audit log of before then; returns how many rows."""
    return tx.run(
        """
        DELETE FROM audit_log WHERE audit_id IN (
            SELECT audit_id FROM (SELECT audit_id, created_time FROM audit_log ORDER BY audit_id LIMIT :chunk)
            WHERE created_time < :before
        )
        """,
        {"before": before, "chunk": CHUNK},
    )


def drop_idempotency_keys(tx: Tx, *, before: int) -> int:
    """Delete a piece of the keys that were used before then; returns how many."""
    return tx.run(
        """
        DELETE FROM idempotency_keys WHERE (user_id, request_id) IN (
            SELECT user_id, request_id FROM idempotency_keys
            WHERE created_time < :before
            LIMIT :chunk
        )
        """,
        {"before": before, "chunk": CHUNK},
    )


def drop_sessions(tx: Tx, *, before: int) -> int:
    """Delete a piece of the sessions that were over by then, ended or run out; returns how many."""
    return tx.run(
        """
        DELETE FROM sessions WHERE session_id IN (
            SELECT session_id FROM sessions
            WHERE ended_time < :before OR refresh_expire_time < :before
            LIMIT :chunk
        )
        """,
        {"before": before, "chunk": CHUNK},
    )


def free_pages() -> Query[int]:
    """How many pages of the file hold nothing."""
    return Query("PRAGMA freelist_count", number)


def vacuum(tx: Tx) -> int:
    """Give a piece of the file's free pages back to the disk; returns how many are left."""
    tx.all(Query(f"PRAGMA incremental_vacuum ({CHUNK})", lambda row: None))
    return tx.one(free_pages()) or 0


def _truth(row: sqlite3.Row) -> bool:
    return bool(row[0])


def _text(row: sqlite3.Row) -> str:
    return str(row[0])
