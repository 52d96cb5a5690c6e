"""Whether the disk has room, as it was within the last second."""

import asyncio

from errand_common.clock import Clock
from errand_common.disk import Room

_RECENT_S = 1.0


class RecentRoom:
    """Looks at the disk for many who ask."""

    def __init__(self, room: Room, clock: Clock) -> None:
        self._room = room
        self._clock = clock
        self._shortage: str | None = None
        self._looked_s = float("-inf")

    async def shortage(self) -> str | None:
        """In words, what is too full and what to do; none where there is room."""
        now = self._clock.boot_s()
        if now - self._looked_s >= _RECENT_S:
            self._shortage = await asyncio.to_thread(self._room.shortage)
            self._looked_s = now
        return self._shortage
