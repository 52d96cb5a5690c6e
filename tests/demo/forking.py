"""An interpreter that has imported what a stack runs, and forks: `python -m tests.demo.forking FD`.

A request is one packet on the socket FD: JSON that names a module, its arguments and its environment, and three
descriptors: its standard output, its standard error, and a pipe that is told its process id and later its exit code.
"""

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
from typing import Any

# What takes long, once: Claude's SDK alone is 1.3 s of a runner's start.
_IMPORTED = (
    "errand_gateway.serving",
    "errand_runner.doctor.examination",
    "errand_runner.serving",
    "errand_scheduler.link",
    "errand_scheduler.server",
    "tests.standins.claude.server",
    "tests.standins.github.server",
)
_PACKET_BYTES = 128 * 1024


def main() -> None:
    """Forks for as long as somebody holds the other end of the socket."""
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    asked = socket.socket(fileno=int(sys.argv[1]))
    woken, waker = os.pipe()
    for end in (woken, waker):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    told: dict[int, int] = {}
    while True:
        readable, _, _ = select.select([asked.fileno(), woken], [], [])
        if woken in readable:
            os.read(woken, 512)
            _tell_ends(told)
        if asked.fileno() in readable:
            packet, descriptors, _, _ = socket.recv_fds(asked, _PACKET_BYTES, 3)
            if not packet:
                return
            *streams, pipe = descriptors
            pid = os.fork()
            if pid == 0:
                _become(json.loads(packet), streams)
                return
            told[pid] = pipe
            os.write(pipe, f"{pid}\n".encode())
            for stream in streams:
                os.close(stream)


def _tell_ends(told: dict[int, int]) -> None:
    while told:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        pipe = told.pop(pid)
        os.write(pipe, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os.close(pipe)


def _become(asked: dict[str, Any], streams: list[int]) -> None:
    """From here on this is `python -m MODULE ARGUMENTS...`, in a session of its own."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, stream in enumerate((nothing, *streams)):
        os.dup2(stream, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(asked["env"])
    tempfile.tempdir = None
    sys.argv[:] = [asked["module"], *asked["arguments"]]
    importlib.import_module(f"{asked['module']}.__main__").main()


if __name__ == "__main__":
    main()
