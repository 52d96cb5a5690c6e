"""How a job's end is told."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from .files import open_regular

if TYPE_CHECKING:
    from .channel import Channel
    from .job import Job

NOTE_BYTES = 4096


def tell_end(channel: Channel, job: Job, note: str) -> None:
    """An exit frame, or an error where it could not start; with the file that the command left as a note."""
    if job.refused:
        channel.fail(job.id, *refusal(job))
        return
    head = {"op": "exit", "id": job.id, **account(job)}
    channel.send(head, take_note(note) if note else b"")


def account(job: Job) -> dict[str, object]:
    """How a job that started stands: what is not known yet, or is neither, is null."""
    status = None if job.ended_at is None else job.status
    return {
        "code": os.WEXITSTATUS(status) if status is not None and os.WIFEXITED(status) else None,
        "signal": os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else None,
        "timed_out": job.timed_out,
        "silent": job.silent,
        "duration_s": (job.clock.now_s() if job.ended_at is None else job.ended_at) - job.started,
        "output": job.kept.account() if job.kept else None,
    }


def refusal(job: Job) -> tuple[OSError, str]:
    """Why a job did not start, and in words."""
    step, number = job.refused or ("exec", errno.EIO)
    reason = OSError(number, os.strerror(number))
    return reason, f"cannot {step} {job.what}: {reason.strerror}"


def take_note(path: str) -> bytes:
    """The first bytes of a file, which goes; of none, nothing."""
    with contextlib.suppress(OSError, ValueError):
        fd = open_regular(path)
        try:
            os.unlink(path)
            return os.pread(fd, NOTE_BYTES, 0)
        finally:
            os.close(fd)
    return b""
