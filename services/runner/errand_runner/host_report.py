"""What heartbeats tell operators of this host: looked at in the loop, read from the heartbeat's thread."""

import asyncio
from collections.abc import Callable

from errand.v1.runner_pb2 import HostReport
from errand_common.clock import Clock
from errand_common.disk import Room
from errand_common.wire import timestamp

LOOK_S = 2.0


class HostReports:
    """Keeps a report that is seconds old; a blocked loop, or a disk that does not answer, leaves it as it was."""

    def __init__(
        self,
        *,
        room: Room,
        warm: Callable[[], int],
        engine_version: str,
        image: str,
        clock: Clock,
        look_s: float = LOOK_S,
    ) -> None:
        self._room, self._warm, self._clock, self._look_s = room, warm, clock, look_s
        self._engine_version, self._image = engine_version, image
        self._seen: tuple[int | None, int] = (None, 0)

    def now(self) -> HostReport:
        """The last look, with the time. From any thread; it does not block."""
        free_bytes, warm = self._seen
        return HostReport(
            engine_version=self._engine_version,
            image=self._image,
            free_disk_bytes=free_bytes,
            lacks_room=free_bytes is not None and free_bytes < self._room.wanted_bytes,
            warm_sandboxes=warm,
            time=timestamp(self._clock.now_us()),
        )

    async def watch(self) -> None:
        """Look at it, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(self._look_s)

    async def look(self) -> None:
        """One look."""
        self._seen = (await asyncio.to_thread(self._room.free), self._warm())
