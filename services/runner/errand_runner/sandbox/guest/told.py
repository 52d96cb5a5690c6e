"""How a job's end is told."""

from __future__ import annotations

import contextlib
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
        step, number = job.refused
        reason = OSError(number, os.strerror(number))
        channel.fail(job.id, reason, f"cannot {step} {job.what}: {reason.strerror}")
        return
    head = {
        "op": "exit",
        "id": job.id,
        "code": os.WEXITSTATUS(job.status) if os.WIFEXITED(job.status) else None,
        "signal": os.WTERMSIG(job.status) if os.WIFSIGNALED(job.status) else None,
        "timed_out": job.timed_out,
        "duration_s": (job.ended_at or job.started) - job.started,
    }
    channel.send(head, take_note(note) if note else b"")


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
