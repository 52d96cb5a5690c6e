"""What a scheduler's database holds, to see that it did not change."""

import sqlite3
from contextlib import closing

from tests.integration.scheduling import Stack

NOTES = {"audit_log": "who asked for what", "sqlite_sequence": "its numbers"}
CLOCKS = {("runners", "session_time")}  # when a runner was last here


def stored(running: Stack) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but the notes, oldest first."""
    with closing(sqlite3.connect(f"file:{running.data / 'errand.db'}?mode=ro", uri=True)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: _rows(connection, name) for name in names if name not in NOTES}


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    kept = ", ".join(column for column in columns if (table, column) not in CLOCKS)
    return sorted(connection.execute(f"SELECT {kept} FROM {table}").fetchall(), key=repr)
