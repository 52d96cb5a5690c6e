"""A client that neither reads nor leaves does not hold its connection for ever."""

import asyncio
from typing import ClassVar

import uvicorn
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect

from errand_gateway.address import bound_address, listen
from errand_gateway.live.protocol import LiveProtocol
from tests.patience import ANSWER_S
from tests.unit.gateway.live_client import narrow_socket


class _Hasty(LiveProtocol):
    linger_s: ClassVar[float] = 0.1


async def _floods_then_leaves(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "bytes": b"x" * 32 * 1024 * 1024})


async def test_what_a_client_does_not_read_is_thrown_away_in_the_end() -> None:
    config = uvicorn.Config(
        _floods_then_leaves, ws=_Hasty, ws_per_message_deflate=False, lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    with listen("127.0.0.1:0") as listener:
        serving = asyncio.create_task(server._serve([listener]))
        url = f"ws://{bound_address(listener)}"
        async with connect(url, sock=narrow_socket(url), proxy=None, max_size=None) as client:
            client.transport.pause_reading()
            async with asyncio.timeout(ANSWER_S):
                while server.server_state.connections:
                    await asyncio.sleep(0.01)
            client.transport.abort()
        server.should_exit = True
        await serving
