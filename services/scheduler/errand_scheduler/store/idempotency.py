"""Idempotency keys: what a caller's request id stands for."""

import sqlite3
from dataclasses import dataclass

from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx


@dataclass(frozen=True)
class IdempotencyKey:
    """A request that was done: its method, a hash of it, and the id of what it made. `user_id` is who asked: a person's
    id, or a credential's name."""

    user_id: str
    request_id: str
    method: str
    request_hash: str
    response_id: str


def by_request(user_id: str, request_id: str) -> Query[IdempotencyKey]:
    """What the caller's request id stands for."""
    return Query(
        """
        SELECT user_id, request_id, method, request_hash, response_id FROM idempotency_keys
        WHERE user_id = :user_id AND request_id = :request_id
        """,
        _key,
        {"user_id": user_id, "request_id": request_id},
    )


def insert(tx: Tx, key: IdempotencyKey) -> None:
    """Note that the request is done."""
    tx.run(
        """
        INSERT INTO idempotency_keys (user_id, request_id, method, request_hash, response_id, created_time)
        VALUES (:user_id, :request_id, :method, :request_hash, :response_id, :now)
        """,
        {
            "user_id": key.user_id,
            "request_id": key.request_id,
            "method": key.method,
            "request_hash": key.request_hash,
            "response_id": key.response_id,
            "now": tx.now_us,
        },
    )


def _key(row: sqlite3.Row) -> IdempotencyKey:
    return IdempotencyKey(
        user_id=row["user_id"],
        request_id=row["request_id"],
        method=row["method"],
        request_hash=row["request_hash"],
        response_id=row["response_id"],
    )
