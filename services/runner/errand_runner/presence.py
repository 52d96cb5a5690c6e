"""A file that is there while the runner has a session with the scheduler, for whoever supervises it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from errand_runner.config import RunnerSettings


def presence_file(data: Path) -> Path:
    """Where it lies."""
    return data / "session"


@contextmanager
def shown(file: Path) -> Iterator[None]:
    """Present while the context lasts. It names this process: one that is killed leaves the file."""
    try:
        file.write_text(f"{os.getpid()}\n")
    except OSError as exc:
        # A full disk: the work goes on, and only whoever looks at the file is misled.
        structlog.get_logger().warning("presence_not_shown", path=str(file), error=str(exc))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


async def healthy(settings: RunnerSettings) -> int:
    """`errand-runner healthy`: returns 0 while there is a session, else 1 with words."""
    if _present(presence_file(settings.data)):
        return 0
    words = f"no runner on {settings.data} has a session with {settings.scheduler}; its log says why"
    print(words, file=sys.stderr)
    return 1


def _present(file: Path) -> bool:
    try:
        return Path(f"/proc/{int(file.read_text())}").exists()
    except (OSError, ValueError):
        return False
