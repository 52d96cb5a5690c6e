"""The command itself, started by its leader."""

from __future__ import annotations

import errno
import os
import signal
from typing import TYPE_CHECKING

from .descriptors import keep_only
from .look import look

if TYPE_CHECKING:
    from typing import Any


def start(order: dict[str, Any], stdio: tuple[int, int, int], report: int) -> int | None:
    """The pid of what the order says. Reports what cannot be started, and gives none then.

    Spawned, not forked: no memory is copied, nor torn down before exec. What the command is to find as its folder and
    environment is made so in this process first, which is looking after no other.
    """
    step = b"chdir"
    try:
        os.chdir(order["cwd"])
        step = b"exec"
        os.environ.update(order["env"])
        # This process's own stdin is empty.
        moved = [(fd, number) for number, fd in enumerate(stdio) if number or order["stdin"]]
        pid = fork_look(order["look"], moved) if "look" in order else spawn(order["argv"], moved)
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else errno.EINVAL
        os.write(report, b"%s %d;" % (step, number or errno.EIO))
        return None
    finally:
        # The command's folder may go; this process needs none.
        os.chdir("/")
    if order["tell"]:
        os.write(report, b"started;")
    return pid


def spawn(argv: list[str], moved: list[tuple[int, int]]) -> int:
    # Python ignores these two, and an ignored signal stays ignored across exec.
    default = [signal.SIGPIPE, signal.SIGXFSZ]
    actions = [(os.POSIX_SPAWN_DUP2, fd, number) for fd, number in moved]
    return os.posix_spawnp(argv[0], argv, os.environ, setsid=True, setsigdef=default, file_actions=actions)


def fork_look(request: dict[str, Any], moved: list[tuple[int, int]]) -> int:
    """The pid of a process that looks around, which needs no program of the image."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            for fd, number in moved:
                os.dup2(fd, number)
            keep_only((0, 1, 2))
            look(request)
            os._exit(0)
        finally:
            os._exit(1)
    return pid
