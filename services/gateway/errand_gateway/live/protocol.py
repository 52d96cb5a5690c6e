"""uvicorn's WebSocket connection, made to let go of clients that do not read."""

import asyncio
from typing import ClassVar

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class LiveProtocol(WebSocketsSansIOProtocol):
    """A close never waits for room, and what a client has not read `linger_s` after its socket's end is thrown away.

    uvicorn alone would wait for room before it closes, and then for as long as the client keeps the line open.
    """

    linger_s: ClassVar[float] = 15.0

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "websocket.close":
            self.writable.set()
        await super().send(message)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self.loop.call_later(self.linger_s, self.transport.abort)
