"""A phone's end of the live socket."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any, Self
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.patience import ANSWER_S

Said = dict[str, Any]


class LiveClient:
    """Says and hears JSON; every wait is bounded."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, **message: object) -> Self:
        await self.connection.send(json.dumps(message))
        return self

    async def hear(self) -> Said:
        async with asyncio.timeout(ANSWER_S):
            said: Said = json.loads(await self.connection.recv())
        return said

    async def hear_kind(self, kind: str) -> Said:
        """The next message, which must be of this kind."""
        said = await self.hear()
        assert said["type"] == kind, said
        return said

    async def hear_cursors(self, count: int) -> list[str]:
        """The cursors of the next events; whatever else is said between them is passed over."""
        cursors: list[str] = []
        while len(cursors) < count:
            said = await self.hear()
            if said["type"] == "event":
                cursors.append(said["event"]["cursor"])
        return cursors

    async def closed(self) -> tuple[int, list[Said]]:
        """The close code, and what was still said before."""
        said: list[Said] = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                said.append(await self.hear())
        code = self.connection.close_code
        assert code is not None
        return code, said


@contextlib.asynccontextmanager
async def live(
    url: str, token: str | None = None, *, greeted: bool = True, **headers: str
) -> AsyncIterator[LiveClient]:
    """Connect; with `greeted` the hello is heard. The machine keeps little of what the client has not read."""
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    async with connect(
        url, sock=narrow_socket(url), additional_headers=headers, proxy=None, max_size=None, ping_interval=None
    ) as connection:
        client = LiveClient(connection)
        if greeted:
            await client.hear_kind("hello")
        yield client


def narrow_socket(url: str) -> socket.socket:
    """A connected socket with a small receive buffer, so that a client that does not read is soon noticed."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect((parts.hostname, parts.port or 80))
    narrow.setblocking(False)
    return narrow
