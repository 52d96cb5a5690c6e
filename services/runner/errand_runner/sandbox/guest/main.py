"""Where the supervisor starts, and ends."""

import gc
import os
import sys
import traceback

from .channel import LineClosed
from .forwarder import Forwarder
from .loop import Loop
from .oom import OomScore
from .operations import Operations
from .prctl import shut_memory
from .tree import kill_tree


def main() -> None:
    """Whatever ends it ends every process below it."""
    supervisor = os.getpid()
    status = 1
    try:
        score = OomScore()
        shut_memory()
        loop = Loop()
        if len(sys.argv) == 3:
            Forwarder(loop, int(sys.argv[1]), sys.argv[2])
        operations = Operations(loop, score)
        # What is here now stays: no collection has to look at it, nor copy it in a fork.
        gc.freeze()
        loop.run(operations.tick)
    except LineClosed:
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        kill_tree(supervisor)
        os._exit(status)
