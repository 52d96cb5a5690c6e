"""Once its attempt may not act, nothing more passes a broker, not even the rest of what was under way."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from errand_runner.broker.broker import Broker
from tests.integration.brokering import BRANCH, ONE, ZERO, Lender, make_broker, pkt, unix_http
from tests.integration.git_backend import GitBackend

REFERENCES = "/git/octo/demo.git/info/refs?service=git-upload-pack"
PUSH = "/git/octo/demo.git/git-receive-pack"


class SlowHost:
    """A git host that answers its references piece by piece, and takes in what is pushed."""

    def __init__(self) -> None:
        self.url = ""
        self.more = asyncio.Event()
        self.taken = bytearray()
        self.cut_off = asyncio.Event()
        self.began = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.began.set()
        if request.method == "POST":
            return await self.take_in(request)
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"first")
        await self.more.wait()
        await answer.write(b"second")
        return answer

    async def take_in(self, request: web.Request) -> web.Response:
        try:
            async for chunk in request.content.iter_any():
                self.taken += chunk
        finally:
            self.cut_off.set()
        return web.Response()


@pytest.fixture
async def slow() -> AsyncGenerator[SlowHost]:
    host = SlowHost()
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", host.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}/octo/demo.git"
    yield host
    await runner.cleanup()


@pytest.fixture
def lender() -> Lender:
    return Lender(["password"])


def before(slow: SlowHost, state_dir: Path, lender: Lender) -> Broker:
    return make_broker(state_dir, GitBackend(Path(), set(), url=slow.url), lender)


async def test_a_freeze_cuts_what_is_under_way_and_a_thaw_lets_in_again(
    slow: SlowHost, state_dir: Path, lender: Lender
) -> None:
    async with before(slow, state_dir, lender) as broker, unix_http(state_dir) as sandbox:
        answer = await sandbox.get(REFERENCES)
        assert await answer.content.readany() == b"first"
        await broker.freeze()
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
        slow.began.clear()
        with pytest.raises(aiohttp.ClientError):
            await sandbox.get(REFERENCES)
        assert not slow.began.is_set()
        assert len(lender.asked) == 1

        await broker.thaw()
        slow.more.set()
        again = await sandbox.get(REFERENCES)
        assert await again.read() == b"firstsecond"


async def test_what_a_freeze_cut_is_taken_for_no_answer_of_the_git_hosts(
    slow: SlowHost, state_dir: Path, lender: Lender
) -> None:
    async with before(slow, state_dir, lender) as broker, unix_http(state_dir) as sandbox:
        answer = await sandbox.get(REFERENCES)
        assert await answer.content.readany() == b"first"
        await broker.freeze()
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
        assert "cut" in broker.host.trouble

        broker.host.trouble = ""
        with pytest.raises(aiohttp.ClientError):
            await sandbox.get(REFERENCES)
        assert "cut" in broker.host.trouble


async def test_an_answer_stops_where_the_lease_does_though_nobody_froze(
    slow: SlowHost, state_dir: Path, lender: Lender
) -> None:
    holds = [True]
    async with (
        make_broker(state_dir, GitBackend(Path(), set(), url=slow.url), lender, holds=lambda: holds[0]) as broker,
        unix_http(state_dir) as sandbox,
    ):
        answer = await sandbox.get(REFERENCES)
        assert await answer.content.readany() == b"first"
        holds[0] = False
        slow.more.set()
        with pytest.raises(aiohttp.ClientError):
            assert b"second" not in await answer.read()
        assert "cut off" in broker.host.trouble


async def test_a_push_stops_where_the_lease_does(slow: SlowHost, state_dir: Path, lender: Lender) -> None:
    holds = [True]
    gone_on = asyncio.Event()

    async def body() -> AsyncGenerator[bytes]:
        yield pkt(f"{ZERO} {ONE} refs/heads/{BRANCH}\0report-status") + b"0000" + b"PACK"
        await slow.began.wait()
        holds[0] = False
        gone_on.set()
        yield b"the rest of it"

    backend = GitBackend(Path(), set(), url=slow.url)
    async with make_broker(state_dir, backend, lender, holds=lambda: holds[0]), unix_http(state_dir) as sandbox:
        answer = await sandbox.post(PUSH, data=body())
        assert gone_on.is_set()
        assert answer.status == 502
    async with asyncio.timeout(60):
        await slow.cut_off.wait()
    assert b"the rest of it" not in slow.taken
