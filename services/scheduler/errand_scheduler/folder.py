"""The data folder: where things lie in it, and that only one scheduler uses it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from errand_common.service import StartError


@dataclass(frozen=True)
class DataFolder:
    """The places in the data folder."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "errand.db"

    @property
    def tls(self) -> Path:
        """Certificates and their keys."""
        return self.root / "tls"

    @property
    def credentials(self) -> Path:
        """The services' own tokens."""
        return self.root / "credentials"

    @property
    def address(self) -> Path:
        """Where the scheduler listens, written once it does."""
        return self.root / "scheduler.address"


@contextmanager
def locked(root: Path) -> Iterator[DataFolder]:
    """The folder, made if needed, for this process alone. Raises StartError."""
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (root / "scheduler.lock").open("w")
    except OSError as exc:
        raise StartError(f"the data folder {root} cannot be used ({exc}); set ERRAND_DATA to one that can") from exc
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise StartError(
                f"another scheduler uses the data folder {root}; stop it, or set ERRAND_DATA to another folder"
            ) from exc
        yield DataFolder(root)
