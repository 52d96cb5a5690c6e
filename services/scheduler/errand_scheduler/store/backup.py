"""The database as one file that can be carried away and brought back."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from errand_common.clock import Instant
from errand_common.errors import Exhausted, Unavailable
from errand_scheduler.store import audit, meta
from errand_scheduler.store.appends import Appends
from errand_scheduler.store.blobs import Blob
from errand_scheduler.store.connection import open_for_writing
from errand_scheduler.store.meta import Meta
from errand_scheduler.store.migration import steps
from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx

_SHOWN_FAULTS = 3
_NEVER = Instant(0, boot_s=0)
_BLOBS = Query("SELECT sha256, size_bytes FROM blobs ORDER BY sha256", lambda row: Blob(row[0], row[1]))


class NotADatabase(Exception):
    """What was found in the stead of a scheduler's database, in words."""


def copy(database: Path, target: Path) -> None:
    """Write what is committed at this moment to a new file, while others go on writing. Raises Exhausted where there is
    no room for it, Unavailable where the disk fails."""
    try:
        with closing(_open(database)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as exc:
        if exc.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise Exhausted(f"there is no room for a copy of the database beside {database}; free some") from exc
        raise Unavailable(f"the database {database} cannot be copied ({exc}); look at the disk") from exc


def contents(database: Path) -> tuple[Meta, list[Blob]]:
    """Which history it is, and every blob that it knows. Raises NotADatabase."""
    try:
        with closing(_open(database)) as connection:
            tx = Tx(connection, _NEVER, Appends(connection))
            history = tx.one(meta.get())
            if history is None:
                raise NotADatabase("it has no history: no scheduler has served from it")
            knows_blobs = "blobs" in {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
            return history, tx.all(_BLOBS) if knows_blobs else []
    except sqlite3.Error as exc:
        raise NotADatabase(str(exc)) from exc


def check(database: Path) -> None:
    """Look at every page and reference. Raises NotADatabase."""
    try:
        with closing(_open(database)) as connection:
            _check_version(connection)
            found = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check ({_SHOWN_FAULTS})")]
            found += [f"a row of {row[0]} refers to nothing" for row in connection.execute("PRAGMA foreign_key_check")]
    except sqlite3.Error as exc:
        raise NotADatabase(str(exc)) from exc
    if found[0] != "ok" or len(found) > 1:
        raise NotADatabase("; ".join(found[: _SHOWN_FAULTS + 1]))


def begin_anew(database: Path, history: Meta, *, now_us: int) -> None:
    """Give a database that was brought back the name of the history that begins now. Raises NotADatabase."""
    try:
        with closing(open_for_writing(database)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            tx = Tx(connection, Instant(now_us, boot_s=0), Appends(connection))
            meta.rename(tx, history)
            audit.record(tx, caller="operator", action="restore", subject_id=history.epoch)
            tx.settle()
            connection.execute("COMMIT")
    except sqlite3.Error as exc:
        raise NotADatabase(str(exc)) from exc


def settle(database: Path) -> bool:
    """Bring what its write-ahead log holds into the file, so that it is whole by itself: whether it could."""
    try:
        with closing(open_for_writing(database)):
            return True  # the last connection that closes does it
    except sqlite3.Error:
        return False


def _check_version(connection: sqlite3.Connection) -> None:
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    newest = steps()[-1][0]
    if version < 1:
        raise NotADatabase("it is not one of a scheduler")
    if version > newest:
        raise NotADatabase(f"it has version {version}, this scheduler knows up to {newest}; use the newer scheduler")


def _open(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection
