"""Whom the kernel's out-of-memory killer takes first: commands, before the supervisor."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

JOB_SCORE = 800


class OomScore:
    """The supervisor's own, through a descriptor that must be opened while this process's files in /proc are its own.

    A fork has its parent's score, and nobody can raise that of one that is not dumpable: so it is raised here for the
    moment of the fork. Where it could not be lowered again, it stays as it is.
    """

    def __init__(self) -> None:
        self.fd: int | None = None
        with contextlib.suppress(OSError):
            fd = os.open("/proc/self/oom_score_adj", os.O_RDWR)
            self.own = int(os.pread(fd, 16, 0))
            if self.own < JOB_SCORE:
                os.pwrite(fd, b"%d" % (self.own + 1), 0)
                os.pwrite(fd, b"%d" % self.own, 0)
                self.fd = fd

    @contextlib.contextmanager
    def of_jobs(self) -> Iterator[None]:
        """What is forked meanwhile has the score of jobs."""
        if self.fd is not None:
            os.pwrite(self.fd, b"%d" % JOB_SCORE, 0)
        try:
            yield
        finally:
            if self.fd is not None:
                os.pwrite(self.fd, b"%d" % self.own, 0)
