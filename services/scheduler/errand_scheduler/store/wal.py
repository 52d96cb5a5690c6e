"""The write-ahead log: moved into the database, and kept short."""

import sqlite3
from pathlib import Path

from errand_scheduler.store.query import Query, number

VERSION = Query("PRAGMA user_version", number)
"""Which step of the migrations the database has."""

LONG_BYTES = 256 * 1024 * 1024
"""A log that is longer has had a reader hold its place in it for long."""


_PAGE_BYTES = 4096
_PAGES = 1000  # SQLite's own habit


def keep_within(connection: sqlite3.Connection, room_bytes: int) -> None:
    """Have the log moved into the database before it is this long, so that the database has room to grow by it."""
    pages = min(_PAGES, room_bytes // _PAGE_BYTES)
    connection.execute(f"PRAGMA wal_autocheckpoint = {max(1, pages)}")


def checkpoint(connection: sqlite3.Connection) -> None:
    """Move what no reader needs into the database, waiting for nobody. Raises sqlite3.Error."""
    connection.execute("PRAGMA wal_checkpoint (PASSIVE)").fetchall()


def truncate(connection: sqlite3.Connection) -> bool:
    """Move all of it into the database and give its room back, unless a reader is in the way: whether it was done.

    Raises sqlite3.Error.
    """
    ((waited_ms,),) = connection.execute("PRAGMA busy_timeout").fetchall()
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        ((busy, _, _),) = connection.execute("PRAGMA wal_checkpoint (TRUNCATE)").fetchall()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {waited_ms}")
    return not busy


def length_bytes(database: Path) -> int:
    """How long the log of this database is."""
    try:
        return database.with_name(f"{database.name}-wal").stat().st_size
    except OSError:
        return 0


class LengthAlarm:
    """Rings once each time that the log of this database has become too long."""

    def __init__(self, database: Path, *, long_bytes: int = LONG_BYTES) -> None:
        self._database = database
        self._long_bytes = long_bytes
        self._rang = False

    def rings(self) -> int | None:
        """The log's length, when it is time to tell of it."""
        found_bytes = length_bytes(self._database)
        rang, self._rang = self._rang, found_bytes > self._long_bytes
        return found_bytes if self._rang and not rang else None
