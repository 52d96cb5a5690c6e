"""The leader: the process between the supervisor and a command.

As a subreaper it keeps what the command leaves behind (double forks, new sessions) in one tree, and when the command
ends it ends the rest: a job is over with all its processes. Its report is the command's wait status.

It is forked ahead, and serves one command after the other: a fork costs more than most commands. Nothing of a command
stays in it: the command has another process's memory, and folder, environment and stdio are the next order's.
"""

from __future__ import annotations

import array
import gc
import json
import os
import signal
import socket
from typing import TYPE_CHECKING, NamedTuple

from .command import start
from .descriptors import close_all, keep_only, read_whole, write_whole
from .prctl import become_subreaper, die_with_parent
from .tree import kill_tree, send_signal

if TYPE_CHECKING:
    from typing import Any

# With an order come the file that it is in, and the command's stdio.
DESCRIPTORS = 4


class Stdio(NamedTuple):
    """The supervisor's ends of a command's pipes: none blocks, no command inherits any."""

    stdin: int
    stdout: int
    stderr: int


class Leader(NamedTuple):
    """One that waits or works. It says `started;` and `ended STATUS;`, or `STEP ERRNO;` of a command that could not
    start."""

    pid: int
    line: int
    """A socket: an order goes out with its descriptors, what the leader says comes in. It never blocks."""

    def begin(self, order: dict[str, Any]) -> Stdio:
        """Lets a command begin. Raises OSError, ConnectionError where the leader is gone."""
        opened: list[int] = []
        try:
            opened.append(os.memfd_create("order"))
            for _ in range(3):
                opened.extend(os.pipe())
            text, stdin, in_write, out_read, stdout, err_read, stderr = opened
            write_whole(text, json.dumps(order).encode())
            # Whatever runs in the background may have stopped it while it waited.
            send_signal(self.pid, signal.SIGCONT)
            with socket.socket(fileno=os.dup(self.line)) as line:
                rights = array.array("i", [text, stdin, stdout, stderr])
                line.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        except OSError:
            close_all(opened)
            raise
        close_all([text, stdin, stdout, stderr])
        for fd in (in_write, out_read, err_read):
            os.set_blocking(fd, False)
        return Stdio(in_write, out_read, err_read)


def start_leader() -> Leader:
    """Raises OSError."""
    ours, theirs = socket.socketpair()
    supervisor = os.getpid()
    with ours, theirs:
        pid = os.fork()
        if pid == 0:
            lead(supervisor, theirs)
        ours.setblocking(False)
        return Leader(pid, ours.detach())


def lead(supervisor: int, line: socket.socket) -> None:
    """Runs in the fork, never returns: serves until the supervisor hangs up, or kills it."""
    try:
        die_with_parent(supervisor)
        become_subreaper()
        # What would be collected is copied first: this memory is the supervisor's until one of the two writes to it.
        gc.disable()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nowhere, number)
        keep_only((0, 1, 2, line.fileno()))
        own = dict(os.environ)
        while True:
            given = receive(line)
            if len(given) < DESCRIPTORS:
                break
            serve(line.fileno(), given, own)
    finally:
        os._exit(0)


def receive(line: socket.socket) -> list[int]:
    """The descriptors of the next order; none at the end."""
    rights = array.array("i")
    room = socket.CMSG_SPACE(DESCRIPTORS * rights.itemsize)
    _, ancillary, _, _ = line.recvmsg(1, room, socket.MSG_CMSG_CLOEXEC)
    for _, _, data in ancillary:
        rights.frombytes(data[: len(data) - len(data) % rights.itemsize])
    return list(rights)


def serve(report: int, given: list[int], own: dict[str, str]) -> None:
    """Starts the command, waits for it, ends what it leaves, reports its status."""
    text, stdin, stdout, stderr = given
    try:
        order = json.loads(read_whole(text))
        os.environ.clear()
        os.environ.update(own)
        pid = start(order, (stdin, stdout, stderr), report)
    finally:
        # A copy of a pipe held here would keep it open after the command closed its own.
        close_all(given)
    if pid:
        os.write(report, b"ended %d;" % wait_for(pid))


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
