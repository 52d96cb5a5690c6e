"""What a process asks of the kernel for itself (prctl(2)), which Python does not offer."""

import ctypes
import signal

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36

libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Not inherited. A parent that is gone already is not noticed."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def become_subreaper() -> None:
    """Orphans among the descendants become children of this process. Not inherited."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def shut_memory() -> None:
    """No process of the same user may read or write this one's memory, or trace it. Inherited until an exec."""
    prctl(PR_SET_DUMPABLE, 0)


def open_memory() -> None:
    """As every process begins: its own files in /proc are its user's, not root's."""
    prctl(PR_SET_DUMPABLE, 1)


def prctl(option: int, value: int) -> None:
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")
