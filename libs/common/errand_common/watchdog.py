"""Tells of an event loop that stands still: where it does, while it does."""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

_LOOK_S = 1.0
_LATE_S = 1.5
"""Longer than anything that a loop does at once, and less than a heartbeat."""
_AWAKE_S = 0.2
"""For the loop's answer where the whole process had stood still."""
_FRAMES = 30

log = structlog.get_logger()


@contextmanager
def watched(*, look_s: float = _LOOK_S, late_s: float = _LATE_S) -> Iterator[None]:
    """While the context lasts, a thread of its own asks the running loop every `look_s`. One that does not answer for
    `late_s` is logged with its stack, once; and for how long it stood, when it goes on."""
    watch = _Watch(asyncio.get_running_loop(), look_s=look_s, late_s=late_s)
    watch.start()
    try:
        yield
    finally:
        watch.over.set()
        watch.join()


class _Watch(threading.Thread):
    def __init__(self, loop: asyncio.AbstractEventLoop, *, look_s: float, late_s: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._loop, self._look_s, self._late_s = loop, look_s, late_s
        self._watched = threading.get_ident()
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(self._look_s):
            self._look()

    def _look(self) -> None:
        answered, asked_s = threading.Event(), time.monotonic()
        self._loop.call_soon_threadsafe(answered.set)
        if answered.wait(self._late_s) or answered.wait(_AWAKE_S):
            return
        frame = sys._current_frames().get(self._watched)
        log.warning("loop_blocked", stack="".join(traceback.format_stack(frame, limit=_FRAMES)))
        while not answered.wait(self._look_s):
            if self.over.is_set():
                return
        log.warning("loop_unblocked", blocked_s=round(time.monotonic() - asked_s, 1))
