"""The data folder: where things lie in it, and that only one scheduler uses it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from errand_common import folder_lock


@dataclass(frozen=True)
class Credential:
    """What one service needs to call the scheduler."""

    folder: Path

    @property
    def token(self) -> Path:
        """The secret."""
        return self.folder / "token"

    @property
    def ca(self) -> Path:
        """The CA to trust, PEM."""
        return self.folder / "ca.pem"


@dataclass(frozen=True)
class DataFolder:
    """The places in the data folder."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "errand.db"

    @property
    def blobs(self) -> Path:
        """Long content, beside the database."""
        return self.root / "blobs"

    @property
    def backup(self) -> Path:
        """The copy of the database that a backup under way reads from."""
        return self.root / "backup.part"

    @property
    def restore(self) -> Path:
        """What a restore under way has unpacked so far."""
        return self.root / "restore.part"

    def clear(self) -> None:
        """Remove what a backup or restore that was killed has left. Raises OSError."""
        self.backup.unlink(missing_ok=True)
        if self.restore.exists():
            shutil.rmtree(self.restore)

    def kept(self, stamp: str) -> Path:
        """Where a restore keeps what was there before."""
        return self.root / f"before-restore-{stamp}"

    @property
    def tls(self) -> Path:
        """Certificates and their keys."""
        return self.root / "tls"

    @property
    def ca(self) -> Path:
        """The certificate of the scheduler's own CA, PEM."""
        return self.tls / "ca.pem"

    @property
    def credentials(self) -> Path:
        """The services' own credentials."""
        return self.root / "credentials"

    def credential(self, name: str) -> Credential:
        """That of `gateway`, `operator` or `runners/<name>`."""
        return Credential(self.credentials / name)

    @property
    def address(self) -> Path:
        """Where the scheduler listens, written once it does."""
        return self.root / "scheduler.address"


@contextmanager
def locked(root: Path) -> Iterator[DataFolder]:
    """The folder, made if needed, for this process alone. Raises StartError."""
    with folder_lock.locked(root, service="scheduler"):
        yield DataFolder(root)
