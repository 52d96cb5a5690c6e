"""Brings the database to the newest form: numbered steps, forward only, each one transaction."""

import sqlite3
from importlib import resources


class NewerDatabase(Exception):
    """The database was made by a newer version."""


def steps() -> list[tuple[int, str]]:
    """Every step: its number and its SQL, in order."""
    folder = resources.files("errand_scheduler.store") / "migrations"
    found = ((int(file.name.removesuffix(".sql")), file.read_text()) for file in folder.iterdir())
    return sorted(found)


def missing(connection: sqlite3.Connection, known: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The steps that are still to be run. Raises NewerDatabase rather than have touched what this does not know."""
    version = version_of(connection)
    newest = known[-1][0]
    if version > newest:
        raise NewerDatabase(
            f"the database has version {version}, this scheduler knows up to {newest}; run the newer scheduler"
        )
    return [(step, sql) for step, sql in known if step > version]


def migrate(connection: sqlite3.Connection, known: list[tuple[int, str]]) -> None:
    """Run the steps that are missing. Raises NewerDatabase."""
    for step, sql in missing(connection, known):
        _run(connection, step, sql)


def version_of(connection: sqlite3.Connection) -> int:
    """How many steps the database has; 0 for a new one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _run(connection: sqlite3.Connection, step: int, sql: str) -> None:
    # executescript commits before it starts, so the transaction is part of the script.
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {step};\nCOMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
