"""Other hosts are reached through the broker: by name, over TLS, where the project allows it, and nowhere else."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from errand_common.values import EgressMode, EgressOutcome
from errand_runner.broker.broker import Broker
from errand_runner.broker.egress.proxy import Bounds
from errand_runner.broker.egress.rules import Rules
from tests.integration.brokering import Lender, make_broker
from tests.integration.git_backend import GitBackend
from tests.integration.internet import PUBLIC, Mirror, Way, at, serving
from tests.unit.runner.broker.egress.greeting import real

HOST = "mirror.example"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.fixture
async def mirror(tmp_path: Path) -> AsyncIterator[Mirror]:
    async with serving(tmp_path, echo) as mirror:
        yield mirror


@pytest.fixture
def way(mirror: Mirror) -> Way:
    return Way(at({HOST: mirror.port}))


def broker(state_dir: Path, way: Way, *, bounds: Bounds | None = None, holds: list[bool] | None = None) -> Broker:
    nowhere = GitBackend(Path(), set(), url="http://127.0.0.1:1/octo/demo.git")
    may = holds or [True]
    return make_broker(state_dir, nowhere, Lender([""]), egress=way.egress(bounds), holds=lambda: may[0])


@asynccontextmanager
async def line(state_dir: Path) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(state_dir / "s/broker.sock")
    async with asyncio.timeout(20):
        yield reader, writer
    writer.close()
    # One that is open when the loop closes is a warning, later, of some other test.
    with suppress(OSError):
        await writer.wait_closed()


async def ask(state_dir: Path, target: str = f"{HOST}:443") -> str:
    """The whole answer to a CONNECT that should be refused."""
    async with line(state_dir) as (reader, writer):
        writer.write(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
        return (await reader.read()).decode()


@asynccontextmanager
async def tunnel(state_dir: Path, mirror: Mirror) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A TLS connection through the broker, as a program in the sandbox has it."""
    async with line(state_dir) as (reader, writer):
        writer.write(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode())
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        context = ssl.create_default_context(cadata=mirror.identity.ca.decode())
        await writer.start_tls(context, server_hostname=HOST)
        yield reader, writer


async def test_an_allowed_host_is_reached_by_tls_end_to_end_and_told(state_dir: Path, way: Way, mirror: Mirror) -> None:
    async with broker(state_dir, way):
        async with tunnel(state_dir, mirror) as (reader, writer):
            writer.write(b"x" * 300_000)
            assert await reader.readexactly(300_000) == b"x" * 300_000
        use = await way.noted.next()
    assert (use.host, use.outcome, use.connections, use.reason) == (HOST, EgressOutcome.CLOSED, 1, "")
    assert 300_000 < use.sent_bytes < 310_000
    assert 300_000 < use.received_bytes < 310_000
    assert way.internet.connected == [(PUBLIC, 443)]


async def test_a_host_that_is_not_allowed_is_refused_in_words_and_not_even_looked_up(state_dir: Path, way: Way) -> None:
    async with broker(state_dir, way):
        answer = await ask(state_dir, "evil.example:443")
    status, _, body = answer.partition("\r\n\r\n")
    words = "evil.example is not among the hosts that this project allows; its owner can allow it in Errand"
    assert status.startswith(f"HTTP/1.1 403 {words}\r\n")
    assert body == f"{words}\n"
    use = await way.noted.next()
    assert (use.host, use.outcome) == ("evil.example", EgressOutcome.BLOCKED)
    assert way.internet.resolved == []


@pytest.mark.parametrize(
    ("rules", "target", "status"),
    [
        (Rules(), f"{HOST}:443", 403),
        (Rules(EgressMode.ALLOW_LIST, frozenset({"*.example"})), f"{HOST}:443", 200),
        (Rules(EgressMode.OPEN), f"{HOST}:443", 200),
        (Rules(EgressMode.OPEN), f"{HOST.upper()}:443", 200),
        (Rules(EgressMode.OPEN), f"{HOST}:22", 403),
        (Rules(EgressMode.OPEN), f"{HOST}.:443", 403),
        (Rules(EgressMode.OPEN), f"{PUBLIC}:443", 403),
        (Rules(EgressMode.OPEN), "unknown.example:443", 502),
    ],
)
async def test_the_mode_decides_and_no_mode_opens_more_than_names_on_port_443(
    state_dir: Path, way: Way, rules: Rules, target: str, status: int
) -> None:
    way.rules = rules
    async with broker(state_dir, way), line(state_dir) as (reader, writer):
        writer.write(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
        assert int((await reader.readline()).split()[1]) == status


@pytest.mark.parametrize(
    "addresses",
    [
        *(["127.0.0.1"], ["169.254.169.254"], ["10.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["64:ff9b::a9fe:a9fe"]),
        # One that is public does not make the other one so.
        [PUBLIC, "192.168.0.1"],
        [],
    ],
)
async def test_a_name_with_an_address_that_is_not_public_is_not_reached(
    state_dir: Path, way: Way, addresses: list[str]
) -> None:
    way.internet.names[HOST] = addresses
    async with broker(state_dir, way):
        assert "not on the public internet" in await ask(state_dir)
    assert (await way.noted.next()).outcome is EgressOutcome.REFUSED
    assert way.internet.connected == []


async def test_the_runners_own_public_address_is_not_reached(state_dir: Path, way: Way) -> None:
    way.internet.own.add(PUBLIC)
    async with broker(state_dir, way):
        assert "403" in await ask(state_dir)
    assert way.internet.connected == []


async def test_a_name_is_asked_for_once_and_the_connection_goes_to_what_was_judged(state_dir: Path, way: Way) -> None:
    class Turning:
        """The second answer is another one, as of a name server that plays tricks."""

        resolved = 0

        async def __call__(self, host: str) -> list[str]:
            self.resolved += 1
            return [PUBLIC] if self.resolved == 1 else ["127.0.0.1"]

    turning = Turning()
    way.internet.resolve = turning  # type: ignore[method-assign]
    async with broker(state_dir, way), line(state_dir) as (reader, writer):
        writer.write(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in await reader.readline()
    assert (turning.resolved, way.internet.connected) == (1, [(PUBLIC, 443)])


async def test_the_next_address_is_tried_where_one_does_not_answer(state_dir: Path, way: Way, mirror: Mirror) -> None:
    way.internet.names[HOST] = ["2606:2800::1", PUBLIC]
    async with broker(state_dir, way), tunnel(state_dir, mirror) as (reader, writer):
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (real("other.example"), "other.example"),
        (real(None), "names no host"),
        (b"GET / HTTP/1.1\r\nHost: mirror.example\r\n\r\n", "not TLS"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not TLS"),
    ],
)
async def test_what_is_not_tls_to_the_host_does_not_leave(
    state_dir: Path, tmp_path: Path, sent: bytes, found: str
) -> None:
    came = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.extend(await reader.read())
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    way = Way(at({HOST: server.sockets[0].getsockname()[1]}))
    async with server, broker(state_dir, way):
        async with line(state_dir) as (reader, writer):
            writer.write(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode() + sent)
            answer = await reader.read()
        use = await way.noted.next()
    # TLS libraries have words for this: "unrecognized name".
    assert answer.endswith(bytes.fromhex("15030300020270"))
    assert (use.outcome, found in use.reason) == (EgressOutcome.REFUSED, True)
    assert came == b""


async def test_a_request_that_comes_together_with_its_greeting_is_served(state_dir: Path, way: Way) -> None:
    async with broker(state_dir, way), line(state_dir) as (reader, writer):
        writer.write(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode() + real(HOST))
        await reader.readuntil(b"\r\n\r\n")
        # The server's own greeting: a TLS handshake record.
        assert (await reader.readexactly(1)) == b"\x16"


async def test_plain_http_is_refused_in_words(state_dir: Path, way: Way) -> None:
    async with broker(state_dir, way), line(state_dir) as (reader, writer):
        writer.write(b"GET http://mirror.example/x HTTP/1.1\r\nHost: mirror.example\r\nConnection: close\r\n\r\n")
        answer = (await reader.read()).decode()
    assert answer.startswith("HTTP/1.1 403 ")
    assert "only HTTPS leaves this sandbox" in answer
    assert (await way.noted.next()).host == HOST


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"CONNECT " + b"a" * 9000, b"431"),
        (b"CONNECT mirror.example:443 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"400"),
        (b"CONNECT mirror.example:443 HTTP/1.1\r\nHost", b"408"),
    ],
)
async def test_a_request_that_is_endless_or_has_two_readings_is_refused(
    state_dir: Path, way: Way, sent: bytes, status: bytes
) -> None:
    async with broker(state_dir, way, bounds=Bounds(beginning_s=0.2)), line(state_dir) as (reader, writer):
        writer.write(sent)
        assert (await reader.readline()).split()[1] == status
    assert way.internet.resolved == []


async def test_who_says_nothing_after_connect_is_let_go(state_dir: Path, way: Way) -> None:
    async with broker(state_dir, way, bounds=Bounds(beginning_s=0.2)):
        assert "200" in await ask(state_dir)
    assert "not greeted by TLS within" in (await way.noted.next()).reason


async def test_a_silent_tunnel_is_closed(state_dir: Path, way: Way, mirror: Mirror) -> None:
    async with broker(state_dir, way, bounds=Bounds(idle_s=0.3)), tunnel(state_dir, mirror) as (reader, _):
        assert await reader.read() == b""
        use = await way.noted.next()
    assert (use.outcome, use.reason) == (EgressOutcome.CUT_OFF, "nothing passed for 0.3 s")


@pytest.mark.parametrize("bounds", [Bounds(connection_bytes=100_000), Bounds(all_bytes=100_000)])
async def test_a_tunnel_ends_at_its_bytes(state_dir: Path, way: Way, mirror: Mirror, bounds: Bounds) -> None:
    async with broker(state_dir, way, bounds=bounds):
        async with tunnel(state_dir, mirror) as (reader, writer):
            writer.write(b"x" * 200_000)
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(200_000)
        use = await way.noted.next()
    assert use.outcome is EgressOutcome.CUT_OFF
    assert use.sent_bytes + use.received_bytes <= 100_000


async def test_there_are_so_many_tunnels_at_once_and_then_words(state_dir: Path, way: Way, mirror: Mirror) -> None:
    async with broker(state_dir, way, bounds=Bounds(connections=1)), tunnel(state_dir, mirror) as (reader, writer):
        assert "has 1 connections open already" in await ask(state_dir)
        writer.write(b"still here")
        assert await reader.readexactly(10) == b"still here"


async def test_a_freeze_cuts_tunnels_and_a_thaw_lets_in_again(state_dir: Path, way: Way, mirror: Mirror) -> None:
    async with broker(state_dir, way) as frozen:
        async with tunnel(state_dir, mirror) as (reader, _):
            await frozen.freeze()
            with pytest.raises(ConnectionResetError):
                await reader.read()
        assert (await way.noted.next()).reason == "the task was paused"
        async with line(state_dir) as (reader, _):
            with suppress(ConnectionResetError):
                assert await reader.read() == b"", "it is hung up on"
        await frozen.thaw()
        async with tunnel(state_dir, mirror) as (reader, writer):
            writer.write(b"again")
            assert await reader.readexactly(5) == b"again"


async def test_a_tunnel_stops_where_the_lease_does_though_nobody_froze(
    state_dir: Path, way: Way, mirror: Mirror
) -> None:
    holds = [True]
    async with broker(state_dir, way, holds=holds):
        async with tunnel(state_dir, mirror) as (reader, writer):
            holds[0] = False
            writer.write(b"late")
            with pytest.raises((OSError, asyncio.IncompleteReadError)):
                await reader.readexactly(4)
        assert (await way.noted.next()).reason == "the task was paused"
        assert "503" in await ask(state_dir)


async def test_what_is_open_when_the_broker_closes_is_told(state_dir: Path, way: Way, mirror: Mirror) -> None:
    async with tunnel_beyond(state_dir, way, mirror):
        pass
    assert (await way.noted.next()).reason == "the sandbox was closed"


@asynccontextmanager
async def tunnel_beyond(state_dir: Path, way: Way, mirror: Mirror) -> AsyncIterator[None]:
    closing = broker(state_dir, way)
    await closing.__aenter__()
    async with tunnel(state_dir, mirror):
        await closing.__aexit__(None, None, None)
        yield
