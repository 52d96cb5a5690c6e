"""The live WebSocket's bounds."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from errand_gateway.live.closing import Closing, too_many_sockets
from errand_gateway.metrics import counted


@dataclass(frozen=True)
class LiveLimits:
    """Durations in seconds. Tests scale them down."""

    authenticate_s: float = 10.0
    heartbeat_s: float = 15.0
    send_s: float = 10.0
    """A client that takes nothing for so long is cut off (ARCHITECTURE.md, Bounds)."""
    goodbye_s: float = 2.0
    first_retry_s: float = 0.25
    longest_retry_s: float = 5.0
    waiting: int = 64
    subscriptions: int = 64
    sockets: int = 20
    """For each user."""


class Census:
    """Who has how many sockets."""

    def __init__(self, limits: LiveLimits) -> None:
        self._most = limits.sockets
        self._sockets: Counter[str] = Counter()

    @contextmanager
    def seat(self, user_id: str) -> Iterator[None]:
        """Counts one more while it is open. Raises Closing when the user has as many as allowed."""
        if self._sockets[user_id] >= self._most:
            raise Closing(too_many_sockets(self._most))
        self._sockets[user_id] += 1
        counted.SOCKETS.inc()
        try:
            yield
        finally:
            counted.SOCKETS.dec()
            self._sockets[user_id] -= 1
            if not self._sockets[user_id]:
                del self._sockets[user_id]
