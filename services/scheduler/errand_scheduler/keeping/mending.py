"""While the disk is full: tells that nothing is taken, and looks again and again whether there is room."""

import asyncio
from collections.abc import Awaitable, Callable

from errand_scheduler.store.writer_thread import WriterThread

_FIRST_BEATS, _MOST_BEATS = 0.1, 1.0


class Mending:
    """Follows the writer. `tell` hears False when the disk has become full, True when writing goes on."""

    def __init__(self, writer: WriterThread, *, tell: Callable[[bool], Awaitable[None]], beat_s: float) -> None:
        self._writer = writer
        self._tell = tell
        self._beat_s = beat_s

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            await self._writer.until_degraded()
            await self._tell(False)
            await self._mended()
            await self._tell(True)

    async def _mended(self) -> None:
        wait_s, most_s = _FIRST_BEATS * self._beat_s, _MOST_BEATS * self._beat_s
        while not await self._writer.probe():
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, most_s)
