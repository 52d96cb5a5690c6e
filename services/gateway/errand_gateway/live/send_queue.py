"""What waits to be sent on a socket: one sender, in order, bounded."""

import asyncio

from starlette.websockets import WebSocket

from errand_gateway.live.closing import Closing, slow
from errand_gateway.live.limits import LiveLimits


class SendQueue:
    """When it is full, `put` waits, and so does whoever reads from the scheduler for it."""

    def __init__(self, websocket: WebSocket, limits: LiveLimits) -> None:
        self._websocket = websocket
        self._send_s = limits.send_s
        self._waiting: asyncio.Queue[str] = asyncio.Queue(limits.waiting)

    async def put(self, message: str) -> None:
        """Send in turn; waits for room."""
        await self._waiting.put(message)

    def offer(self, message: str) -> None:
        """Send in turn if there is room: for what may be lost."""
        if not self._waiting.full():
            self._waiting.put_nowait(message)

    async def run(self) -> None:
        """The only sender. Raises Closing when the client takes nothing for too long."""
        while True:
            message = await self._waiting.get()
            try:
                async with asyncio.timeout(self._send_s):
                    await self._websocket.send_text(message)
            except TimeoutError as exc:
                raise Closing(slow()) from exc
