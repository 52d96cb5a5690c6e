"""Becoming the command: the last steps of a fork before exec."""

from __future__ import annotations

import errno
import os
import signal

from .prctl import open_memory

# The kernel's out-of-memory killer takes jobs before it takes the supervisor.
JOB_OOM_SCORE = b"800"


class StartFailed(Exception):
    """The step that failed, `chdir` or `exec`, and its errno."""

    def __init__(self, step: bytes, number: int) -> None:
        super().__init__(step, number)
        self.step = step
        self.number = number


def become(argv: list[str], cwd: str, env: dict[str, str], stdio: tuple[int, int, int]) -> None:
    step = b"chdir"
    try:
        for number, fd in enumerate(stdio):
            os.dup2(fd, number)
        # Python ignores these two, and an ignored signal stays ignored across exec.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        raise_oom_score()
        os.chdir(cwd)
        step = b"exec"
        os.execvpe(argv[0], argv, env)  # noqa: S606 - argv is what we were asked to run
    except OSError as error:
        raise StartFailed(step, error.errno or errno.EIO) from error
    except ValueError as error:
        raise StartFailed(step, errno.EINVAL) from error


def raise_oom_score() -> None:
    try:
        open_memory()
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(fd, JOB_OOM_SCORE)
        os.close(fd)
    except OSError:
        # Not allowed where the score is higher already.
        pass
