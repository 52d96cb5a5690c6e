"""What a process asks of the kernel for itself (prctl(2)), which Python does not offer."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import TYPE_CHECKING

from .tree import kill_tree

if TYPE_CHECKING:
    from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36

libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int) -> None:
    """When the parent dies, this process ends, and first what is below it. A signal of anybody else changes nothing."""

    def look(number: int, frame: FrameType | None) -> None:
        if os.getppid() != parent:
            kill_tree(os.getpid())
            os._exit(1)

    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, look)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    look(0, None)


def become_subreaper() -> None:
    """Orphans among the descendants become children of this process. Not inherited."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def shut_memory() -> None:
    """No process of this uid may trace this one, or open its memory or descriptors. Forks inherit it, until exec."""
    prctl(PR_SET_DUMPABLE, 0)


def prctl(option: int, value: int) -> None:
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")
