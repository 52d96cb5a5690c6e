"""Tokens that GitHub gave for an attempt: kept, sealed, until they are revoked."""

import sqlite3
from dataclasses import dataclass

from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx


@dataclass(frozen=True)
class InstallationToken:
    """One that is to be revoked once its attempt is over."""

    installation_token_id: int
    user_id: str
    sealed: str


def insert(tx: Tx, *, attempt_id: str, user_id: str, sealed: str) -> None:
    """Keep a new one."""
    tx.run(
        """
        INSERT INTO installation_tokens (attempt_id, user_id, sealed_token)
        VALUES (:attempt_id, :user_id, :sealed)
        """,
        {"attempt_id": attempt_id, "user_id": user_id, "sealed": sealed},
    )


def to_revoke(limit: int) -> Query[InstallationToken]:
    """Those whose attempt is over, the oldest first."""
    return Query(
        """
        SELECT installation_token_id, tokens.user_id, sealed_token
        FROM installation_tokens AS tokens
        JOIN attempts USING (attempt_id)
        WHERE attempts.completed_time IS NOT NULL
        ORDER BY installation_token_id
        LIMIT :limit
        """,
        _token,
        {"limit": limit},
    )


def drop(tx: Tx, installation_token_id: int) -> None:
    """It is revoked, or has expired."""
    tx.run("DELETE FROM installation_tokens WHERE installation_token_id = :id", {"id": installation_token_id})


def _token(row: sqlite3.Row) -> InstallationToken:
    return InstallationToken(
        installation_token_id=row["installation_token_id"], user_id=row["user_id"], sealed=row["sealed_token"]
    )
