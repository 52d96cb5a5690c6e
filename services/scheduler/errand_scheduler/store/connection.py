"""How the database file is opened."""

import sqlite3
from pathlib import Path

# FULL: what is acknowledged survives power loss. No mmap: one less way to read a torn page.
_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA mmap_size = 0",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cache_size = -16384",
)
_WRITER_PRAGMAS = (
    "PRAGMA auto_vacuum = INCREMENTAL",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA journal_size_limit = 67108864",
)
READER_PRAGMAS = (*_PRAGMAS, "PRAGMA query_only = ON")


def open_for_writing(path: Path) -> sqlite3.Connection:
    """The connection of the writer's thread; made and used there alone. Creates the file."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        for pragma in (*_WRITER_PRAGMAS, *_PRAGMAS):
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection
