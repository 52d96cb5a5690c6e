"""Runners: the hosts that may take attempts."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from errand_common.values import RunnerMode
from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx

_SELECT = """
    SELECT runner_id, name, version, labels, mode, mode_time, drain_time, quarantined_time, session_time, created_time,
        removed_time, given_labels, NOT EXISTS (
            SELECT 1 FROM service_tokens
            WHERE service_tokens.runner_id = runners.runner_id AND revoked_time IS NULL
        ) AS revoked
    FROM runners
"""


@dataclass(frozen=True)
class Runner:
    """A runner host. `quarantined_time`: when two processes were last found to act as it. `drain_time`: when what it
    still has is stopped, of a mode that was set at `mode_time`. `revoked`: no credential of it is good. It has its
    `given_labels` whatever it says."""

    runner_id: str
    name: str
    version: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    mode: RunnerMode = RunnerMode.ACTIVE
    mode_time: int | None = None
    drain_time: int | None = None
    quarantined_time: int | None = None
    session_time: int | None = None
    created_time: int | None = None
    removed: bool = False
    revoked: bool = False
    given_labels: Mapping[str, str] = field(default_factory=dict)


def every() -> Query[Runner]:
    """All runners that were not removed, by name. Their number is the operator's: each has a credential of its own."""
    return Query(f"{_SELECT} WHERE removed_time IS NULL ORDER BY name", _runner)


def by_id(runner_id: str) -> Query[Runner]:
    """The runner, removed or not."""
    return Query(f"{_SELECT} WHERE runner_id = :runner_id", _runner, {"runner_id": runner_id})


def by_name(name: str) -> Query[Runner]:
    """The runner of that name."""
    return Query(f"{_SELECT} WHERE name = :name AND removed_time IS NULL", _runner, {"name": name})


def named(id_or_name: str) -> Query[Runner]:
    """The runner of that id, removed or not, or of that name."""
    return Query(
        f"{_SELECT} WHERE runner_id = :named OR (name = :named AND removed_time IS NULL)",
        _runner,
        {"named": id_or_name},
    )


def nonce(runner_id: str) -> Query[str]:
    """The process that opened the runner's last session; empty before the first."""
    return Query(
        "SELECT nonce FROM runners WHERE runner_id = :runner_id", lambda row: str(row[0]), {"runner_id": runner_id}
    )


def insert(tx: Tx, runner: Runner) -> None:
    """Store a new runner."""
    tx.run(
        """
        INSERT INTO runners (runner_id, name, version, labels, given_labels, created_time)
        VALUES (:runner_id, :name, '', :given_labels, :given_labels, :now)
        """,
        {
            "runner_id": runner.runner_id,
            "name": runner.name,
            "given_labels": json.dumps(dict(runner.given_labels), sort_keys=True),
            "now": tx.now_us,
        },
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


def set_mode(tx: Tx, runner_id: str, mode: RunnerMode, *, drain_time: int | None) -> None:
    """Store what an operator wants of the runner from now on."""
    tx.run(
        """
        UPDATE runners SET mode = :mode, mode_time = :now, drain_time = :drain_time
        WHERE runner_id = :runner_id
        """,
        {"runner_id": runner_id, "mode": mode, "now": tx.now_us, "drain_time": drain_time},
    )


def remove(tx: Tx, runner_id: str) -> None:
    """Take the runner off the list. Its attempts refer to it still; its name may be another's."""
    tx.run(
        "UPDATE runners SET removed_time = :now, name = runner_id WHERE runner_id = :runner_id",
        {"runner_id": runner_id, "now": tx.now_us},
    )


def _runner(row: sqlite3.Row) -> Runner:
    return Runner(
        runner_id=row["runner_id"],
        name=row["name"],
        version=row["version"],
        labels=json.loads(row["labels"]),
        mode=RunnerMode(row["mode"]),
        mode_time=row["mode_time"],
        drain_time=row["drain_time"],
        quarantined_time=row["quarantined_time"],
        session_time=row["session_time"],
        created_time=row["created_time"],
        removed=row["removed_time"] is not None,
        revoked=bool(row["revoked"]),
        given_labels=json.loads(row["given_labels"]),
    )
