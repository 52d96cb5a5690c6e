"""The first bytes of a connection decide where it goes, however they come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from errand_runner.broker.door import Door
from errand_runner.broker.egress.side import Side


class Seen(asyncio.Protocol):
    """What came by the other way."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.came, self.lost = asyncio.Event(), asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.came.set()


@asynccontextmanager
async def before_a_door(
    folder: Path, tunnels: asyncio.Queue[Side], http: Seen, *, first_s: float = 10.0
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    def door() -> Door:
        return Door(tunnel=tunnels.put_nowait, http=lambda: http, first_s=first_s)

    server = await asyncio.get_running_loop().create_unix_server(door, folder / "s")
    async with server, asyncio.timeout(10):
        reader, writer = await asyncio.open_unix_connection(folder / "s")
        yield reader, writer
        writer.close()


@pytest.mark.parametrize("pieces", [(b"CONNECT a",), (b"C", b"ONNECT", b" a"), (b"CONNECT ", b"a")])
async def test_a_connect_becomes_a_tunnel_with_all_that_came(tmp_path: Path, pieces: tuple[bytes, ...]) -> None:
    tunnels = asyncio.Queue[Side]()
    async with before_a_door(tmp_path, tunnels, Seen()) as (_, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        side = await tunnels.get()
        assert await side.kept(len(b"CONNECT ")) == b"CONNECT a"
        side.abort()
        await side.lost.wait()


@pytest.mark.parametrize("sent", [b"GET /git/a/b HTTP/1.1\r\n", b"CONNECTED", b"connect a", b"\n"])
async def test_all_else_goes_to_gits_http_with_all_that_came(tmp_path: Path, sent: bytes) -> None:
    tunnels, http = asyncio.Queue[Side](), Seen()
    async with before_a_door(tmp_path, tunnels, http) as (_, writer):
        writer.write(sent)
        await http.came.wait()
        writer.close()
        await http.lost.wait()
    assert (bytes(http.data), tunnels.qsize()) == (sent, 0)


@pytest.mark.parametrize("sent", [b"", b"CONN"])
async def test_who_does_not_say_what_it_wants_is_cut_off(tmp_path: Path, sent: bytes) -> None:
    async with before_a_door(tmp_path, asyncio.Queue(), Seen(), first_s=0.05) as (reader, writer):
        writer.write(sent)
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
