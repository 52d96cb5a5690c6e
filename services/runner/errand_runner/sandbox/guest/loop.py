"""The loop: one selector, and a tick before each wait."""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Callback = Callable[[int], None]


class Loop:
    """Callbacks by file descriptor; each is called with the events that are ready."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()

    def watch(self, fd: int, events: int, callback: Callback) -> None:
        """Sets what is watched of fd; no events ends it."""
        known = self.selector.get_map().get(fd)
        if not events:
            if known:
                self.selector.unregister(fd)
        elif not known:
            self.selector.register(fd, events, callback)
        elif (known.events, known.data) != (events, callback):
            self.selector.modify(fd, events, callback)

    def forget(self, fd: int) -> None:
        """Ends the watch of fd, if there is one. It must come before fd is closed."""
        if fd in self.selector.get_map():
            self.selector.unregister(fd)

    def run(self, tick: Callable[[], float | None]) -> None:
        """For ever: `tick` returns the seconds until it is due again, if it is."""
        while True:
            for key, events in self.selector.select(tick()):
                # An earlier callback of this round may have closed it.
                if self.selector.get_map().get(key.fd) is key:
                    key.data(events)
