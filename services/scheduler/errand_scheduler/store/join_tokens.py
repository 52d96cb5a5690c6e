"""Join tokens: each makes one host a runner."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx

_SELECT = """
    SELECT join_token_id, token_hash, labels, made_by, expire_time, revoked_time, request_id, runner_id, created_time
    FROM join_tokens
"""


@dataclass(frozen=True)
class JoinToken:
    """A join token. `labels` are those of the runner that it makes. Once it is used, `request_id` and `runner_id` say
    by which request, and what came of it."""

    join_token_id: str
    token_hash: str
    made_by: str
    expire_time: int
    labels: Mapping[str, str] = field(default_factory=dict)
    revoked: bool = False
    request_id: str | None = None
    runner_id: str | None = None
    created_time: int = 0


def by_hash(token_hash: str) -> Query[JoinToken]:
    """The token, good or not."""
    return Query(f"{_SELECT} WHERE token_hash = :hash", _join_token, {"hash": token_hash})


def by_id(join_token_id: str) -> Query[JoinToken]:
    """The token, good or not."""
    return Query(f"{_SELECT} WHERE join_token_id = :id", _join_token, {"id": join_token_id})


def good(*, now_us: int) -> Query[JoinToken]:
    """Those that can be used, newest first."""
    return Query(
        f"""
        {_SELECT} WHERE request_id IS NULL AND revoked_time IS NULL AND expire_time > :now
        ORDER BY created_time DESC, join_token_id DESC
        """,
        _join_token,
        {"now": now_us},
    )


def insert(tx: Tx, token: JoinToken) -> None:
    """Store a new one."""
    tx.run(
        """
        INSERT INTO join_tokens (join_token_id, token_hash, labels, made_by, expire_time, created_time)
        VALUES (:join_token_id, :token_hash, :labels, :made_by, :expire_time, :now)
        """,
        {
            "join_token_id": token.join_token_id,
            "token_hash": token.token_hash,
            "labels": json.dumps(dict(token.labels), sort_keys=True),
            "made_by": token.made_by,
            "expire_time": token.expire_time,
            "now": tx.now_us,
        },
    )


def spend(tx: Tx, join_token_id: str, *, request_id: str, runner_id: str) -> None:
    """Note what became of it."""
    tx.run(
        "UPDATE join_tokens SET request_id = :request_id, runner_id = :runner_id WHERE join_token_id = :id",
        {"id": join_token_id, "request_id": request_id, "runner_id": runner_id},
    )


def revoke(tx: Tx, join_token_id: str) -> None:
    """It can be used no more."""
    tx.run(
        "UPDATE join_tokens SET revoked_time = :now WHERE join_token_id = :id AND revoked_time IS NULL",
        {"id": join_token_id, "now": tx.now_us},
    )


def drop_old(tx: Tx, *, before: int) -> int:
    """Delete those that expired before then; returns how many. Bounded by what operators made."""
    return tx.run("DELETE FROM join_tokens WHERE expire_time < :before", {"before": before})


def _join_token(row: sqlite3.Row) -> JoinToken:
    return JoinToken(
        join_token_id=row["join_token_id"],
        token_hash=row["token_hash"],
        labels=json.loads(row["labels"]),
        made_by=row["made_by"],
        expire_time=row["expire_time"],
        revoked=row["revoked_time"] is not None,
        request_id=row["request_id"],
        runner_id=row["runner_id"],
        created_time=row["created_time"],
    )
