"""Where things lie in the one folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from errand_common.folder_lock import locked

SERVICES = ("scheduler", "gateway", "runner")
"""The names of the services, in the order in which they start."""


@dataclass(frozen=True)
class Layout:
    """The places under `ERRAND_DATA`."""

    root: Path

    @property
    def scheduler(self) -> Path:
        """The scheduler's state: database, keys, credentials."""
        return self.root / "scheduler"

    @property
    def runner(self) -> Path:
        """The runner's state."""
        return self.root / "runner"

    @property
    def local(self) -> Path:
        """What keeps the services running; it may be deleted while they do not."""
        return self.root / "local"

    @property
    def control(self) -> Path:
        """The socket of supervisord."""
        return self.local / "supervisor.sock"

    @property
    def supervisor_config(self) -> Path:
        """The configuration of supervisord."""
        return self.local / "supervisord.conf"

    def environment(self, service: str) -> Path:
        """The variables with which a service starts."""
        return self.local / f"{service}.json"

    def log(self, service: str) -> Path:
        """What a service logs; supervisord rotates it."""
        return self.root / "log" / f"{service}.log"


@contextmanager
def alone(layout: Layout) -> Iterator[None]:
    """No other `up`, `down` or `run` is at work in the folder meanwhile. Raises StartError."""
    with locked(layout.local, service="make up"):
        yield
