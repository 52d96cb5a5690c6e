"""The command itself, started by its leader."""

from __future__ import annotations

import errno
import os
import signal
from typing import TYPE_CHECKING

from .look import look

if TYPE_CHECKING:
    from typing import Any


def start(order: dict[str, Any], report: int) -> int:
    """The pid of what the order says, with this process's stdio. Reports what cannot be started, and ends then.

    Spawned, not forked: no memory is copied, nor torn down before exec. Everything that the command is to find is made
    so in this process first, which runs one command only.
    """
    step = b"chdir"
    try:
        if not order["stdin"]:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(order["cwd"])
        step = b"exec"
        os.environ.update(order["env"])
        if "look" in order:
            return fork_look(order["look"])
        argv = order["argv"]
        # Python ignores these two, and an ignored signal stays ignored across exec.
        default = [signal.SIGPIPE, signal.SIGXFSZ]
        pid = os.posix_spawnp(argv[0], argv, os.environ, setsid=True, setsigdef=default)
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else errno.EINVAL
        os.write(report, b"%s %d;" % (step, number or errno.EIO))
        os._exit(0)
    if order["tell"]:
        os.write(report, b"started;")
    return pid


def fork_look(request: dict[str, Any]) -> int:
    """The pid of a process that looks around, which needs no program of the image."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            look(request)
            os._exit(0)
        finally:
            os._exit(1)
    return pid
