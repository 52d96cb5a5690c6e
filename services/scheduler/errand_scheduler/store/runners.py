"""Runners: the hosts that may take attempts."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx

_SELECT = "SELECT runner_id, name, quarantined_time FROM runners"


@dataclass(frozen=True)
class Runner:
    """A runner host. `quarantined_time`: when two processes were last found to act as it."""

    runner_id: str
    name: str
    quarantined_time: int | None = None


def every() -> Query[Runner]:
    """All runners, by name. Their number is the operator's: each has a credential made by hand."""
    return Query(f"{_SELECT} ORDER BY name", _runner)


def by_id(runner_id: str) -> Query[Runner]:
    """The runner."""
    return Query(f"{_SELECT} WHERE runner_id = :runner_id", _runner, {"runner_id": runner_id})


def by_name(name: str) -> Query[Runner]:
    """The runner of that name."""
    return Query(f"{_SELECT} WHERE name = :name", _runner, {"name": name})


def nonce(runner_id: str) -> Query[str]:
    """The process that opened the runner's last session; empty before the first."""
    return Query(
        "SELECT nonce FROM runners WHERE runner_id = :runner_id", lambda row: str(row[0]), {"runner_id": runner_id}
    )


def insert(tx: Tx, runner: Runner) -> None:
    """Store a new runner."""
    tx.run(
        "INSERT INTO runners (runner_id, name, version, created_time) VALUES (:runner_id, :name, '', :now)",
        {"runner_id": runner.runner_id, "name": runner.name, "now": tx.now_us},
    )


def note_session(tx: Tx, runner_id: str, *, nonce: str, version: str, labels: Mapping[str, str]) -> None:
    """Note that the runner opened a session, and what it said of itself."""
    tx.run(
        """
        UPDATE runners
        SET nonce = :nonce, version = :version, labels = :labels, session_time = :now
        WHERE runner_id = :runner_id
        """,
        {
            "runner_id": runner_id,
            "nonce": nonce,
            "version": version,
            "labels": json.dumps(dict(labels), sort_keys=True),
            "now": tx.now_us,
        },
    )


def note_quarantine(tx: Tx, runner_id: str) -> None:
    """Note that two processes act as the runner."""
    tx.run(
        "UPDATE runners SET quarantined_time = :now WHERE runner_id = :runner_id",
        {"runner_id": runner_id, "now": tx.now_us},
    )


def _runner(row: sqlite3.Row) -> Runner:
    return Runner(runner_id=row["runner_id"], name=row["name"], quarantined_time=row["quarantined_time"])
