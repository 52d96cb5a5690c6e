"""Runners: the hosts that may take attempts."""

import sqlite3
from dataclasses import dataclass

from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx


@dataclass(frozen=True)
class Runner:
    """A runner host."""

    runner_id: str
    name: str


def by_name(name: str) -> Query[Runner]:
    """The runner of that name."""
    return Query("SELECT runner_id, name FROM runners WHERE name = :name", _runner, {"name": name})


def insert(tx: Tx, runner: Runner) -> None:
    """Store a new runner."""
    tx.run(
        "INSERT INTO runners (runner_id, name, version, created_time) VALUES (:runner_id, :name, '', :now)",
        {"runner_id": runner.runner_id, "name": runner.name, "now": tx.now_us},
    )


def note_session(tx: Tx, runner_id: str, *, version: str) -> None:
    """Note that the runner opened a session."""
    tx.run(
        "UPDATE runners SET version = :version, session_time = :now WHERE runner_id = :runner_id",
        {"runner_id": runner_id, "version": version, "now": tx.now_us},
    )


def _runner(row: sqlite3.Row) -> Runner:
    return Runner(runner_id=row["runner_id"], name=row["name"])
