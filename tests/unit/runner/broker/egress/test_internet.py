"""The real internet's door: names outside, addresses as they are, and which of them are this host's."""

import asyncio
import socket

import pytest

from errand_runner.broker.egress.internet import PublicInternet
from errand_runner.broker.egress.side import Side


async def test_a_name_has_its_addresses_or_an_error() -> None:
    internet = PublicInternet()
    try:
        # With the dot at its end no file of this host answers for it, so that it may as well be unknown.
        found = await internet.resolve("localhost")
    except OSError:
        found = []
    assert set(found) <= {"127.0.0.1", "::1"}
    with pytest.raises((OSError, UnicodeError)):
        await internet.resolve("a" * 64 + ".example")
    internet.close()


def test_an_address_of_this_host_is_known_as_its_own() -> None:
    internet = PublicInternet()
    assert internet.is_own("127.0.0.1")
    assert not internet.is_own("192.0.2.1")
    assert not internet.is_own("2001:db8::1")
    internet.close()


async def test_a_connection_goes_to_the_very_address() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"here")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    side = Side()
    async with server, asyncio.timeout(20):
        await PublicInternet().connect(lambda: side, "127.0.0.1", server.sockets[0].getsockname()[1])
        assert await side.kept(0) == b"here"
        side.abort()
        await side.lost.wait()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(OSError, match="Connect"):
        await PublicInternet().connect(Side, "127.0.0.1", port)
