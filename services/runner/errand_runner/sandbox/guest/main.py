"""Where the supervisor starts."""

import sys

from .forwarder import Forwarder
from .loop import Loop
from .operations import Operations


def main() -> None:
    loop = Loop()
    if len(sys.argv) == 3:
        Forwarder(loop, int(sys.argv[1]), sys.argv[2])
    operations = Operations(loop)
    loop.run(operations.jobs.tick)
