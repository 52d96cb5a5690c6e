"""Service tokens: the credentials of gateways, operators and runners, by hash."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx


@dataclass(frozen=True)
class ServiceToken:
    """A service's credential. `scopes` are parted by spaces; `runner_id` is set for a runner's."""

    service_token_id: str
    name: str
    token_hash: str
    scopes: str
    runner_id: str | None = None


def by_hash(token_hash: str) -> Query[ServiceToken]:
    """The token, unless it is revoked."""
    return Query(
        """
        SELECT service_token_id, name, token_hash, scopes, runner_id FROM service_tokens
        WHERE token_hash = :hash AND revoked_time IS NULL
        """,
        _service_token,
        {"hash": token_hash},
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
        INSERT INTO service_tokens (service_token_id, name, token_hash, scopes, runner_id, created_time)
        VALUES (:service_token_id, :name, :token_hash, :scopes, :runner_id, :now)
        """,
        {
            "service_token_id": token.service_token_id,
            "name": token.name,
            "token_hash": token.token_hash,
            "scopes": token.scopes,
            "runner_id": token.runner_id,
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
        WHERE name = :name AND token_hash != :hash AND revoked_time IS NULL
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
    )
