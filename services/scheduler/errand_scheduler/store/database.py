"""The database file, ready to be used."""

import sqlite3
from contextlib import closing
from pathlib import Path

from errand_common.service import StartError
from errand_scheduler.store.connection import open_for_writing
from errand_scheduler.store.migration import NewerDatabase, migrate, steps


def prepare(path: Path) -> None:
    """Make the file if there is none, and bring it to the newest form. Raises StartError."""
    try:
        with closing(open_for_writing(path)) as connection:
            migrate(connection, steps())
    except NewerDatabase as exc:
        raise StartError(f"{path}: {exc}") from exc
    except sqlite3.Error as exc:
        raise StartError(f"the database {path} cannot be opened ({exc}); look at the disk and the file") from exc
    path.chmod(0o600)
