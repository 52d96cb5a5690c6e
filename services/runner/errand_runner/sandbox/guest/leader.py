"""The leader: the process between the supervisor and a command.

As a subreaper it keeps what the command leaves behind (double forks, new sessions) in one tree, and when the command
ends it ends the rest: a job is over with all its processes. Its report is the command's wait status.

It is forked ahead and waits for its order: a fork costs more than most commands.
"""

from __future__ import annotations

import gc
import json
import os
import signal
from typing import TYPE_CHECKING, NamedTuple

from .command import start
from .descriptors import close_all, keep_only, read_whole, write_whole
from .prctl import become_subreaper, die_with_parent
from .tree import kill_tree, send_signal

if TYPE_CHECKING:
    from typing import Any


class Leader(NamedTuple):
    """One that waits or works, by the supervisor's descriptors: none of them blocks, no command inherits any."""

    pid: int
    order: int
    """A file for what is to be run."""
    go: int
    """A pipe; a byte in it says that the order is there."""
    stdin: int
    stdout: int
    stderr: int
    report: int
    """`started;` and `ended STATUS;`, or `STEP ERRNO;` of a command that could not start."""

    def begin(self, order: dict[str, Any]) -> None:
        """Lets the command begin."""
        # Whatever runs in the background may have stopped it while it waited.
        send_signal(self.pid, signal.SIGCONT)
        write_whole(self.order, json.dumps(order).encode())
        os.write(self.go, b".")
        close_all([self.order, self.go])

    def dismiss(self) -> None:
        """Closes what a leader leaves that never began."""
        close_all(list(self[1:]))


def start_leader() -> Leader:
    opened: list[int] = []
    try:
        order = os.memfd_create("order")
        opened.append(order)
        for _ in range(5):
            opened.extend(os.pipe())
        (go, go_write, stdin, in_write, out_read, stdout, err_read, stderr, report_read, report) = opened[1:]
        supervisor = os.getpid()
        pid = os.fork()
    except OSError:
        close_all(opened)
        raise
    if pid == 0:
        lead(supervisor, order, go, (stdin, stdout, stderr), report)
    close_all([go, stdin, stdout, stderr, report])
    kept = (order, go_write, in_write, out_read, err_read, report_read)
    for fd in kept[1:]:
        os.set_blocking(fd, False)
    return Leader(pid, *kept)


def lead(supervisor: int, order: int, go: int, stdio: tuple[int, int, int], report: int) -> None:
    """Runs in the fork, never returns: starts the command, waits for it, ends what it leaves, reports its status."""
    try:
        die_with_parent(supervisor)
        become_subreaper()
        # What would be collected is copied first: this memory is the supervisor's until one of the two writes to it.
        gc.disable()
        for number, fd in enumerate(stdio):
            os.dup2(fd, number)
        keep_only((0, 1, 2, order, go, report))
        if os.read(go, 1):
            pid = start(json.loads(read_whole(order)), report)
            # A copy of a pipe held here would keep it open after the command closed its own.
            keep_only((report,))
            os.write(report, b"ended %d;" % wait_for(pid))
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
