"""Where the supervisor starts."""

import sys

from .forwarder import Forwarder
from .loop import Loop
from .operations import Operations
from .prctl import shut_memory


def main() -> None:
    # Its commands have its uid.
    shut_memory()
    loop = Loop()
    if len(sys.argv) == 3:
        Forwarder(loop, int(sys.argv[1]), sys.argv[2])
    operations = Operations(loop)
    loop.run(operations.jobs.tick)
