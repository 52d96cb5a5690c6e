"""What tests of every tier run with: quick files, a log that is quick to write, examples that may take their time."""

import os
import tempfile
from pathlib import Path

import structlog
from hypothesis import HealthCheck, settings

MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 * 1024**3
"""Several runners at once ask for a gigabyte each, and use little of it."""


def pytest_configure() -> None:
    """Before anything makes a file or logs; what is started inherits where files are to be made."""
    if "TMPDIR" not in os.environ and fits(MEMORY):
        # No test is about the syncs of the host's disk, for which a busy one takes longer than for all the rest.
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            # The default draws frames around a traceback and takes a second for it.
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )

    # By default one that takes 200 ms fails: on a busy machine any may.
    settings.register_profile("at any pace", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("at any pace")


def fits(folder: Path) -> bool:
    """Whether programs can be run from there, and there is room."""
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return False
    disk = os.statvfs(folder)
    return not disk.f_flag & os.ST_NOEXEC and disk.f_bavail * disk.f_frsize >= ROOM_BYTES
