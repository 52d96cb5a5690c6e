"""Sessions of people: a row for each pair of tokens; rows that were refreshed from one sign-in are a family."""

import sqlite3
from dataclasses import dataclass

from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx

_SELECT = """
    SELECT session_id, family_id, user_id, client, access_hash, access_expire_time, refresh_hash, refresh_expire_time,
    refreshed_time, ended_time
    FROM sessions
"""


@dataclass(frozen=True)
class Session:
    """One pair of tokens, by their hashes. A refreshed one may use its access token until that expires."""

    session_id: str
    family_id: str
    user_id: str
    client: str
    access_hash: str
    access_expire_time: int
    refresh_hash: str
    refresh_expire_time: int
    refreshed_time: int | None = None
    ended_time: int | None = None


def by_access_hash(access_hash: str) -> Query[Session]:
    """The session of an access token."""
    return Query(f"{_SELECT} WHERE access_hash = :hash", _session, {"hash": access_hash})


def by_refresh_hash(refresh_hash: str) -> Query[Session]:
    """The session of a refresh token."""
    return Query(f"{_SELECT} WHERE refresh_hash = :hash", _session, {"hash": refresh_hash})


def insert(tx: Tx, session: Session) -> None:
    """Store a new pair of tokens."""
    tx.run(
        """
        INSERT INTO sessions (
            session_id, family_id, user_id, client, access_hash, access_expire_time, refresh_hash,
            refresh_expire_time, created_time
        )
        VALUES (
            :session_id, :family_id, :user_id, :client, :access_hash, :access_expire_time, :refresh_hash,
            :refresh_expire_time, :now
        )
        """,
        {
            "session_id": session.session_id,
            "family_id": session.family_id,
            "user_id": session.user_id,
            "client": session.client,
            "access_hash": session.access_hash,
            "access_expire_time": session.access_expire_time,
            "refresh_hash": session.refresh_hash,
            "refresh_expire_time": session.refresh_expire_time,
            "now": tx.now_us,
        },
    )


def mark_refreshed(tx: Tx, session_id: str) -> None:
    """Spend the refresh token."""
    tx.run(
        "UPDATE sessions SET refreshed_time = :now WHERE session_id = :session_id",
        {"session_id": session_id, "now": tx.now_us},
    )


def end_family(tx: Tx, family_id: str) -> None:
    """End every session of the family."""
    tx.run(
        "UPDATE sessions SET ended_time = :now WHERE family_id = :family_id AND ended_time IS NULL",
        {"family_id": family_id, "now": tx.now_us},
    )


def _session(row: sqlite3.Row) -> Session:
    return Session(
        session_id=row["session_id"],
        family_id=row["family_id"],
        user_id=row["user_id"],
        client=row["client"],
        access_hash=row["access_hash"],
        access_expire_time=row["access_expire_time"],
        refresh_hash=row["refresh_hash"],
        refresh_expire_time=row["refresh_expire_time"],
        refreshed_time=row["refreshed_time"],
        ended_time=row["ended_time"],
    )
