"""What people use at git hosts beside GitHub: one user name and sealed password for each person and host."""

import sqlite3
from dataclasses import dataclass

from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx

_SELECT = "SELECT user_id, host, username, sealed_password, created_time FROM git_credentials"


@dataclass(frozen=True)
class GitCredential:
    """As stored. `host` is its name, with the port where it is not the usual one."""

    user_id: str
    host: str
    username: str
    sealed_password: str
    created_time: int


def of(user_id: str, host: str) -> Query[GitCredential]:
    """What a person uses there."""
    return Query(
        f"{_SELECT} WHERE user_id = :user_id AND host = :host", _credential, {"user_id": user_id, "host": host}
    )


def all_of(user_id: str) -> Query[GitCredential]:
    """All that a person brought, by host: there are no more than the owner named hosts."""
    return Query(f"{_SELECT} WHERE user_id = :user_id ORDER BY host", _credential, {"user_id": user_id})


def put(tx: Tx, credential: GitCredential) -> None:
    """Keep it, in place of what was there."""
    tx.run(
        """
        INSERT INTO git_credentials (user_id, host, username, sealed_password, created_time)
        VALUES (:user_id, :host, :username, :sealed_password, :created_time)
        ON CONFLICT (user_id, host)
        DO UPDATE SET username = :username, sealed_password = :sealed_password, created_time = :created_time
        """,
        {
            "user_id": credential.user_id,
            "host": credential.host,
            "username": credential.username,
            "sealed_password": credential.sealed_password,
            "created_time": credential.created_time,
        },
    )


def remove(tx: Tx, user_id: str, host: str) -> bool:
    """Forget it; whether there was one."""
    gone = tx.run(
        "DELETE FROM git_credentials WHERE user_id = :user_id AND host = :host", {"user_id": user_id, "host": host}
    )
    return gone > 0


def _credential(row: sqlite3.Row) -> GitCredential:
    return GitCredential(
        user_id=row["user_id"],
        host=row["host"],
        username=row["username"],
        sealed_password=row["sealed_password"],
        created_time=row["created_time"],
    )
