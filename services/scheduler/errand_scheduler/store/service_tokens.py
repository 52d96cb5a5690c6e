"""Tokens: the credentials of gateways, operators, runners, and of programs that act for a person or a service."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from errand_scheduler.store.paging import Place
from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx

_SELECT = """
    SELECT service_token_id, name, token_hash, scopes, runner_id, user_id, expire_time, made_by, revoked_time,
    created_time
    FROM service_tokens
"""
_ALIVE = "revoked_time IS NULL AND (expire_time IS NULL OR expire_time > :now)"


@dataclass(frozen=True)
class ServiceToken:
    """A program's credential. `scopes` are parted by spaces; `runner_id` is set for a runner's, `user_id` for one that
    acts for a person; `made_by` is empty for those that lie in the data folder. The times are the store's to set."""

    service_token_id: str
    name: str
    token_hash: str
    scopes: str
    runner_id: str | None = None
    user_id: str | None = None
    expire_time: int | None = None
    made_by: str = ""
    revoked_time: int | None = None
    created_time: int = 0


def by_hash(token_hash: str) -> Query[ServiceToken]:
    """The token, unless it is revoked. It may be expired."""
    return Query(f"{_SELECT} WHERE token_hash = :hash AND revoked_time IS NULL", _service_token, {"hash": token_hash})


def by_id(service_token_id: str) -> Query[ServiceToken]:
    """The token, revoked or not."""
    return Query(f"{_SELECT} WHERE service_token_id = :id", _service_token, {"id": service_token_id})


def alive_of_name(name: str, *, user_id: str | None, now_us: int) -> Query[ServiceToken]:
    """The token of that name of a person, or of none, that is neither revoked nor expired."""
    return Query(
        f"{_SELECT} WHERE name = :name AND user_id IS :user_id AND {_ALIVE}",
        _service_token,
        {"name": name, "user_id": user_id, "now": now_us},
    )


def page(*, user_id: str | None, now_us: int, after: Place, limit: int) -> Query[ServiceToken]:
    """Tokens that are neither revoked nor expired, of a person or of everybody, newest first."""
    return Query(
        f"""
        {_SELECT} WHERE {_ALIVE} AND (:user_id IS NULL OR user_id = :user_id)
        AND (created_time, service_token_id) < (:time, :key)
        ORDER BY created_time DESC, service_token_id DESC LIMIT :limit
        """,
        _service_token,
        {"user_id": user_id, "now": now_us, "time": after.time_us, "key": after.key, "limit": limit},
    )


def revoke(tx: Tx, service_token_id: str) -> None:
    """Revoke a token."""
    tx.run(
        "UPDATE service_tokens SET revoked_time = :now WHERE service_token_id = :id AND revoked_time IS NULL",
        {"id": service_token_id, "now": tx.now_us},
    )


def revoked_name(token_hash: str) -> Query[str]:
    """The name of a token that is revoked."""
    return Query(
        "SELECT name FROM service_tokens WHERE token_hash = :hash AND revoked_time IS NOT NULL",
        lambda row: str(row[0]),
        {"hash": token_hash},
    )


def insert(tx: Tx, token: ServiceToken) -> None:
    """Store a new token."""
    tx.run(
        """
        INSERT INTO service_tokens (
            service_token_id, name, token_hash, scopes, runner_id, user_id, expire_time, made_by, created_time
        )
        VALUES (:service_token_id, :name, :token_hash, :scopes, :runner_id, :user_id, :expire_time, :made_by, :now)
        """,
        {
            "service_token_id": token.service_token_id,
            "name": token.name,
            "token_hash": token.token_hash,
            "scopes": token.scopes,
            "runner_id": token.runner_id,
            "user_id": token.user_id,
            "expire_time": token.expire_time,
            "made_by": token.made_by,
            "now": tx.now_us,
        },
    )


def set_scopes(tx: Tx, *, token_hash: str, scopes: str) -> None:
    """What a token of that hash may be used for from now on."""
    tx.run(
        "UPDATE service_tokens SET scopes = :scopes WHERE token_hash = :hash AND scopes != :scopes",
        {"hash": token_hash, "scopes": scopes},
    )


def revoke_others(tx: Tx, *, name: str, token_hash: str) -> None:
    """Revoke every token of that name but one."""
    tx.run(
        """
        UPDATE service_tokens SET revoked_time = :now
        WHERE name = :name AND user_id IS NULL AND token_hash != :hash AND revoked_time IS NULL
        """,
        {"name": name, "hash": token_hash, "now": tx.now_us},
    )


def revoke_runner(tx: Tx, runner_id: str) -> None:
    """Revoke every token of that runner."""
    tx.run(
        "UPDATE service_tokens SET revoked_time = :now WHERE runner_id = :runner_id AND revoked_time IS NULL",
        {"runner_id": runner_id, "now": tx.now_us},
    )


def revoke_runners_but(tx: Tx, names: Sequence[str]) -> None:
    """Revoke the token of every runner of the settings but those of these names. Runners that joined are not theirs."""
    tx.run(
        """
        UPDATE service_tokens SET revoked_time = :now
        WHERE runner_id IS NOT NULL AND name GLOB 'runners/*' AND revoked_time IS NULL
            AND name NOT IN (SELECT value FROM json_each(:names))
        """,
        {"names": json.dumps(list(names)), "now": tx.now_us},
    )


def _service_token(row: sqlite3.Row) -> ServiceToken:
    return ServiceToken(
        service_token_id=row["service_token_id"],
        name=row["name"],
        token_hash=row["token_hash"],
        scopes=row["scopes"],
        runner_id=row["runner_id"],
        user_id=row["user_id"],
        expire_time=row["expire_time"],
        made_by=row["made_by"],
        revoked_time=row["revoked_time"],
        created_time=row["created_time"],
    )
