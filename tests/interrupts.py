"""Ctrl-C for what a test starts."""

import signal


def heard() -> None:
    """In the child, before it runs: whoever starts the tests in a shell's background has them, and all that they start,
    ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
