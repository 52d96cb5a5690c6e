"""Blobs: which content lies beside the database, in a file named by its hash."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx


@dataclass(frozen=True)
class Blob:
    """Long content: its SHA-256 in lower-case hexadecimal digits, and how long it is."""

    sha256: str
    size_bytes: int


def stored(sha256s: Sequence[str]) -> Query[Blob]:
    """Those of the hashes that are stored."""
    return Query(
        "SELECT sha256, size_bytes FROM blobs WHERE sha256 IN (SELECT value FROM json_each(:sha256s))",
        _blob,
        {"sha256s": json.dumps(list(sha256s))},
    )


def of_task(task_id: str, sha256: str) -> Query[Blob]:
    """The blob, if a message or tool call of the task refers to it."""
    return Query(
        """
        SELECT sha256, size_bytes FROM blobs
        WHERE sha256 = :sha256 AND (
            EXISTS (SELECT 1 FROM messages WHERE content_sha256 = :sha256 AND task_id = :task_id)
            OR EXISTS (SELECT 1 FROM tool_calls WHERE input_sha256 = :sha256 AND task_id = :task_id)
            OR EXISTS (SELECT 1 FROM tool_calls WHERE output_sha256 = :sha256 AND task_id = :task_id)
        )
        """,
        _blob,
        {"task_id": task_id, "sha256": sha256},
    )


def insert(tx: Tx, blob: Blob) -> None:
    """Store that the blob's file is whole and on disk; again changes nothing."""
    tx.run(
        """
        INSERT INTO blobs (sha256, size_bytes, created_time) VALUES (:sha256, :size_bytes, :now)
        ON CONFLICT (sha256) DO NOTHING
        """,
        {"sha256": blob.sha256, "size_bytes": blob.size_bytes, "now": tx.now_us},
    )


def name_of(blob: Blob | None) -> str | None:
    """What a row that may refer to a blob holds."""
    return None if blob is None else blob.sha256


def referred(sha256: str | None, size_bytes: int | None) -> Blob | None:
    """The blob that a row refers to, of the two columns that a join gives."""
    return None if sha256 is None or size_bytes is None else Blob(sha256=sha256, size_bytes=size_bytes)


def _blob(row: sqlite3.Row) -> Blob:
    return Blob(sha256=row["sha256"], size_bytes=row["size_bytes"])
