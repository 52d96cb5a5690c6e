"""Raw requests to the broker, for what git never sends."""

import asyncio
import gzip
import io
import stat
from collections.abc import AsyncGenerator
from pathlib import Path

import aiohttp
import pytest

from errand_common.errors import Unavailable
from errand_runner.broker.broker import Broker
from errand_runner.broker.lent import Credential
from tests.integration.brokering import BRANCH, ONE, ZERO, Lender, make_broker, own_remote, pkt, raw_status, unix_http
from tests.integration.git_backend import GitBackend

REFERENCES = "/git/octo/demo.git/info/refs?service=git-upload-pack"


async def test_when_nothing_can_be_lent_the_reason_is_told(http: aiohttp.ClientSession, lender: Lender) -> None:
    lender.failure = Unavailable("GitHub does not answer")
    answer = await http.get(REFERENCES)
    assert (answer.status, await answer.text()) == (503, "no credential can be lent now: GitHub does not answer\n")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/git/octo/demo.git/info/refs"),
        ("GET", "/git/octo/demo.git/info/refs?service=git-upload-archive"),
        ("GET", "/git/octo/demo.git/info/refs?service=git-upload-pack&x=1"),
        ("GET", "/git/octo/demo.git/HEAD"),
        ("GET", "/git/octo/demo.git/git-upload-pack"),
        ("POST", "/git/octo/demo.git/info/refs?service=git-upload-pack"),
        ("POST", "/git/octo/demo.git/info/lfs/objects/batch"),
        ("POST", "/git/octo/demo.git/git-upload-pack?x=1"),
        ("PUT", "/git/octo/demo.git/git-receive-pack"),
        ("GET", "/git/octo/other.git/info/refs?service=git-upload-pack"),
        ("GET", "/git/octo/demo.git/../other.git/info/refs?service=git-upload-pack"),
        ("GET", "/git/octo/demo.git%2f..%2fother.git/info/refs?service=git-upload-pack"),
        ("GET", "/git/octo/demo/../../x/info/refs?service=git-upload-pack"),
        ("GET", "//git/octo/demo.git/info/refs?service=git-upload-pack"),
        ("GET", "http://evil/git/octo/demo.git/info/refs?service=git-upload-pack"),
        ("CONNECT", "github.com:443"),
    ],
)
async def test_nothing_but_smart_http_of_the_one_repository_passes(
    broker: Broker, state_dir: Path, backend: GitBackend, lender: Lender, method: str, path: str
) -> None:
    status = await raw_status(state_dir, f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert status in (400, 403, 404)
    assert (backend.requests, lender.asked) == ([], [])


async def test_only_listed_headers_travel_either_way(http: aiohttp.ClientSession, backend: GitBackend) -> None:
    answer = await http.get(
        "/git/octo/demo/info/refs?service=git-upload-pack",
        headers={
            "Authorization": "Basic bWluZQ==",
            "Cookie": "a=b",
            "X-Forwarded-For": "1.2.3.4",
            "Git-Protocol": "version=2",
            "User-Agent": "git/2.39",
        },
    )
    assert answer.status == 200
    assert set(answer.headers) <= {
        "Content-Type",
        "Content-Length",
        "Cache-Control",
        "Expires",
        "Pragma",
        "Date",
        "Server",
    }
    assert b"version 2" in await answer.read()
    seen = backend.requests[0].headers
    assert set(seen) == {"Host", "Accept", "Accept-Encoding", "Git-Protocol", "Authorization"}
    assert seen["Authorization"] != "Basic bWluZQ=="


async def test_no_credential_goes_where_another_host_is_named(http: aiohttp.ClientSession, backend: GitBackend) -> None:
    backend.redirect_to = "https://elsewhere.example/octo/demo.git/info/refs?service=git-upload-pack"
    answer = await http.get(REFERENCES)
    assert (answer.status, len(backend.requests), "Location" in answer.headers) == (502, 1, False)
    assert "points to https://elsewhere.example/" in await answer.text()


async def test_hosts_that_lead_in_a_circle_are_left(http: aiohttp.ClientSession, backend: GitBackend) -> None:
    backend.renamed = {"/octo/demo.git/": "/a/b.git/", "/a/b.git/": "/octo/demo.git/"}
    answer = await http.get(REFERENCES)
    assert (answer.status, len(backend.requests)) == (502, 3)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"garbage that is no pkt-line", {}, 400),
        (pkt(f"{ZERO} {ONE} refs/heads/{BRANCH}\0report-status"), {}, 400),
        (pkt("x" * 60_000) * 2, {}, 400),
        (pkt("push-cert\0report-status") + b"0000", {}, 400),
        (gzip.compress(pkt(f"{ZERO} {ONE} refs/heads/main\0") + b"0000"), {"Content-Encoding": "gzip"}, 415),
    ],
    # What is compressed holds the time, and a test's name must be the same in each process that collects it.
    ids=["no pkt-line", "no end", "too long", "signed", "compressed"],
)
async def test_a_push_that_cannot_be_checked_is_refused(
    http: aiohttp.ClientSession, backend: GitBackend, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await http.post("/git/octo/demo.git/git-receive-pack", data=body, headers=headers)
    assert (answer.status, backend.requests) == (status, [])


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("branch", [BRANCH, "main"])
async def test_a_push_over_its_limit_is_refused(
    state_dir: Path, backend: GitBackend, lender: Lender, told: bool, branch: str
) -> None:
    head = pkt(f"{ZERO} {ONE} refs/heads/{branch}\0report-status") + b"0000"

    async def stream() -> AsyncGenerator[bytes]:
        yield head
        for _ in range(40):
            yield b"x" * 100_000

    async with make_broker(state_dir, backend, lender, push_limit_bytes=1 << 20), unix_http(state_dir) as http:
        body = io.BytesIO(head + b"x" * 4_000_000) if told else stream()
        answer = await http.post("/git/octo/demo.git/git-receive-pack", data=body)
        said = await answer.text()
    words = "a push from this sandbox may hold 1 MiB; this one is larger" if branch == BRANCH else "only errand/tsk_1"
    assert (answer.status, f"ng refs/heads/{branch} {words}" in said) == (200, True)


@pytest.mark.parametrize(("ref", "requests"), [(f"refs/heads/{BRANCH}", 0), ("refs/errand/tsk_1", 1)])
async def test_where_one_ref_alone_may_still_be_pushed_no_other_is(
    state_dir: Path, backend: GitBackend, lender: Lender, ref: str, requests: int
) -> None:
    body = pkt(f"{ZERO} {ONE} {ref}\0report-status") + b"0000"
    broker = make_broker(state_dir, backend, lender, only_ref=lambda: "refs/errand/tsk_1")
    async with broker, unix_http(state_dir) as http:
        said = await (await http.post("/git/octo/demo.git/git-receive-pack", data=body)).text()
    assert ("only refs/errand/tsk_1 may be pushed" in said) is (requests == 0)
    assert len(backend.requests) == requests


async def test_a_push_far_over_its_limit_is_not_read_to_its_end(
    state_dir: Path, backend: GitBackend, lender: Lender
) -> None:
    async def stream() -> AsyncGenerator[bytes]:
        yield pkt(f"{ZERO} {ONE} refs/heads/{BRANCH}\0report-status") + b"0000"
        for _ in range(120):
            yield b"x" * 100_000

    async with make_broker(state_dir, backend, lender, push_limit_bytes=1 << 20), unix_http(state_dir) as http:
        answer = await http.post("/git/octo/demo.git/git-receive-pack", data=stream())
        assert (answer.status, await answer.text()) == (
            413,
            "a push from this sandbox may hold 1 MiB; this one is larger\n",
        )


async def test_when_the_git_server_is_away_it_is_said(state_dir: Path, lender: Lender) -> None:
    gone = GitBackend(state_dir, set(), url="http://127.0.0.1:1/octo/demo.git")
    async with make_broker(state_dir, gone, lender), unix_http(state_dir) as http:
        answer = await http.get(REFERENCES)
        assert (answer.status, "cannot be reached" in await answer.text()) == (502, True)


async def test_the_socket_is_open_to_the_sandbox_alone(state_dir: Path, backend: GitBackend, lender: Lender) -> None:
    async with make_broker(state_dir, backend, lender):
        assert stat.S_IMODE((state_dir / "s").stat().st_mode) == 0o711
        assert stat.S_IMODE((state_dir / "s/broker.sock").stat().st_mode) == 0o666


async def test_a_stale_socket_is_replaced(state_dir: Path, backend: GitBackend, lender: Lender) -> None:
    for _ in range(2):
        async with make_broker(state_dir, backend, lender), unix_http(state_dir) as http:
            assert (await http.get(REFERENCES)).status == 200
        with pytest.raises(aiohttp.ClientError):
            async with unix_http(state_dir) as http:
                await http.get("/")
        (state_dir / "s/broker.sock").touch()


async def test_a_length_without_its_body_does_not_reach_the_git_host(state_dir: Path, lender: Lender) -> None:
    heads: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    upstream = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = upstream.sockets[0].getsockname()
    broker = Broker(
        socket_dir=state_dir / "s",
        remotes=[own_remote(f"http://{host}:{port}/octo/demo.git", lender)],
        allow=lambda: True,
        holds=lambda: True,
    )
    async with upstream, broker:
        request = "GET /git/octo/demo.git/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: x\r\n"
        assert await raw_status(state_dir, f"{request}Content-Length: 1000\r\n\r\n") == 200

    assert len(heads) == 1
    assert "content-length" not in heads[0].lower()


async def test_one_sandbox_cannot_take_the_runners_descriptors(state_dir: Path, broker: Broker) -> None:
    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(10):
                return await reader.read(1) != b""
        except ConnectionError:
            return False

    connections = [await asyncio.open_unix_connection(state_dir / "s/broker.sock") for _ in range(60)]
    try:
        assert sum([await served(*connection) for connection in connections]) == 32
    finally:
        for _, writer in connections:
            writer.close()


def test_a_path_too_long_for_a_socket_is_refused_at_once(tmp_path: Path, lender: Lender) -> None:
    with pytest.raises(ValueError, match="too long for a socket"):
        make_broker(tmp_path / ("x" * 100), GitBackend(tmp_path, set()), lender)


def test_a_credential_is_not_printed() -> None:
    assert "secret" not in repr(Credential("x", "secret"))


async def test_a_fetch_that_is_expected_is_begun_before_git_asks(
    state_dir: Path, backend: GitBackend, lender: Lender
) -> None:
    protocol_2 = {"Git-Protocol": "version=2"}
    async with make_broker(state_dir, backend, lender, fetches=True), unix_http(state_dir) as http:
        first, second = [await (await http.get(REFERENCES, headers=protocol_2)).read() for _ in range(2)]
        assert len(backend.requests) == 2

    assert first == second
    assert lender.asked == [False]


async def test_a_git_of_an_older_protocol_gets_the_references_of_now(
    state_dir: Path, backend: GitBackend, lender: Lender
) -> None:
    async with make_broker(state_dir, backend, lender, fetches=True), unix_http(state_dir) as http:
        body = await (await http.get(REFERENCES)).read()

    assert b" refs/heads/main\n" in body


async def test_what_went_wrong_ahead_is_told_where_git_asks(state_dir: Path, lender: Lender) -> None:
    gone = GitBackend(state_dir, set(), url="http://127.0.0.1:1/octo/demo.git")
    async with make_broker(state_dir, gone, lender, fetches=True), unix_http(state_dir) as http:
        answer = await http.get(REFERENCES, headers={"Git-Protocol": "version=2"})
        assert (answer.status, "cannot be reached" in await answer.text()) == (502, True)


async def test_without_a_lease_nothing_is_asked_ahead(state_dir: Path, backend: GitBackend, lender: Lender) -> None:
    async with make_broker(state_dir, backend, lender, fetches=True, allowed=False), unix_http(state_dir) as http:
        assert (await http.get(REFERENCES, headers={"Git-Protocol": "version=2"})).status == 403

    assert (lender.asked, backend.requests) == ([], [])
