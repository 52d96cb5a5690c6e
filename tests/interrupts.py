"""Ctrl-C for what a test starts."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heard() -> Iterator[None]:
    """What is started meanwhile hears it: whoever starts the tests in a shell's background has them ignore it, and what
    is ignored stays so in a new program, while a handler does not. In the main thread alone.

    Not in the child before it runs: a fork of a process with gRPC's threads aborts now and then.
    """
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler if before is signal.SIG_IGN else before)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
