"""The database file, ready to be used."""

import sqlite3
from contextlib import closing
from pathlib import Path

from errand_common.service import StartError
from errand_scheduler.store.connection import open_for_writing
from errand_scheduler.store.migration import NewerDatabase, migrate, missing, steps, version_of


def prepare(path: Path) -> None:
    """Make the file if there is none, and bring it to the newest form. Raises StartError.

    What an older release left is first copied beside it, as `before-upgrade.db`: an upgrade that disappoints can be
    taken back by hand.
    """
    try:
        with closing(open_for_writing(path)) as connection:
            if version_of(connection) > 0 and missing(connection, steps()):
                _keep(connection, path.with_name("before-upgrade.db"))
            migrate(connection, steps())
    except NewerDatabase as exc:
        raise StartError(f"{path}: {exc}") from exc
    except sqlite3.Error as exc:
        raise StartError(f"the database {path} cannot be opened ({exc}); look at the disk and the file") from exc
    path.chmod(0o600)


def _keep(connection: sqlite3.Connection, kept: Path) -> None:
    part = kept.with_name(f"{kept.name}.part")
    try:
        part.unlink(missing_ok=True)
        connection.execute("VACUUM INTO ?", (str(part),))
        part.chmod(0o600)
        part.replace(kept)
    except (OSError, sqlite3.Error) as exc:
        part.unlink(missing_ok=True)
        raise StartError(
            f"the database was not upgraded, because it cannot be copied to {kept} before ({exc}); make room for a copy"
        ) from exc
