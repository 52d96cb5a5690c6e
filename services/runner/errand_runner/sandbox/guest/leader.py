"""The leader: the process between the supervisor and a command.

As a subreaper it keeps what the command leaves behind (double forks, new sessions) in one tree, and when the command
ends it ends the rest: a job is over with all its processes. Its report is `WORD NUMBER;`: `ended` with the wait status,
or `chdir` or `exec` with the errno of the step that failed.
"""

from __future__ import annotations

import errno
import os
import signal
from typing import TYPE_CHECKING, NamedTuple

from .command import StartFailed, become
from .descriptors import close_all, open_fds, open_stdin
from .prctl import become_subreaper, die_with_parent
from .tree import kill_tree

if TYPE_CHECKING:
    from collections.abc import Callable


class Leader(NamedTuple):
    """A started one: its pid, and the ends to read its report and the command's two outputs from, without blocking."""

    pid: int
    status: int
    stdout: int
    stderr: int


def start_leader(argv: list[str], *, cwd: str, env: dict[str, str], stdin: bytes) -> Leader:
    opened: list[int] = []
    try:
        opened.append(open_stdin(stdin))
        for _ in range(3):
            opened.extend(os.pipe())
        (in_read, out_read, out_write, err_read, err_write, status_read, status_write) = opened
        supervisor = os.getpid()
        pid = os.fork()
    except OSError:
        close_all(opened)
        raise
    if pid == 0:
        lead(supervisor, status_write, lambda: become(argv, cwd, env, (in_read, out_write, err_write)))
    close_all([in_read, out_write, err_write, status_write])
    for fd in (status_read, out_read, err_read):
        os.set_blocking(fd, False)
    return Leader(pid, status_read, out_read, err_read)


def lead(supervisor: int, status_write: int, command: Callable[[], None]) -> None:
    """Runs in the fork, never returns: starts the command, waits for it, ends what it leaves, reports its status."""
    try:
        die_with_parent()
        if os.getppid() != supervisor:
            return
        become_subreaper()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        pid = os.fork()
        if pid == 0:
            attempt(command, status_write)
        # Copies of pipes and sockets held here would keep them open after their owners are gone.
        close_all([fd for fd in open_fds() if fd != status_write])
        os.write(status_write, b"ended %d;" % wait_for(pid))
    except OSError as error:
        os.write(status_write, b"exec %d;" % (error.errno or errno.EIO))
    finally:
        os._exit(0)


def wait_for(command: int) -> int:
    """Reaps everything of this tree; returns the command's status when nothing of it is left."""
    status = 0
    while True:
        pid, ended = os.waitpid(-1, 0)
        if pid == command:
            status = ended
            break
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                kill_tree(os.getpid())
                os.waitpid(-1, 0)
        except ChildProcessError:
            return status


def attempt(command: Callable[[], None], status_write: int) -> None:
    """Runs in the second fork, never returns: becomes the command or reports why it cannot."""
    try:
        os.setsid()
        die_with_parent()
        command()
    except StartFailed as failure:
        os.write(status_write, b"%s %d;" % (failure.step, failure.number))
    finally:
        os._exit(127)
