"""The loop: one selector, and a tick after each round."""

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
        if not events:
            self.forget(fd)
        elif fd in self.selector.get_map():
            self.selector.modify(fd, events, callback)
        else:
            self.selector.register(fd, events, callback)

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
