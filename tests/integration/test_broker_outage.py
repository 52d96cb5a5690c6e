"""The broker tells a git host that is away, which passes, from one that refuses, which does not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from errand_common.errors import Denied, Unavailable
from errand_runner.outage import GitHost
from tests.integration.brokering import Lender, make_broker, unix_http
from tests.integration.git_backend import GitBackend

REFERENCES = "/git/octo/demo.git/info/refs?service=git-upload-pack"


@pytest.fixture
def lender() -> Lender:
    return Lender(["password"])


@asynccontextmanager
async def git_host(answer) -> AsyncIterator[GitBackend]:
    """A git host of which every request is answered so."""
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield GitBackend(Path(), set(), url=f"http://127.0.0.1:{runner.addresses[0][1]}/octo/demo.git")
    finally:
        await runner.cleanup()


async def asked(state_dir: Path, backend: GitBackend, lender: Lender, *, allowed: bool = True) -> tuple[GitHost, int]:
    """What the broker knows after one request, and what the sandbox's git was answered."""
    async with make_broker(state_dir, backend, lender, allowed=allowed) as broker, unix_http(state_dir) as sandbox:
        broker.host.trouble = "an older one"
        try:
            answer = await sandbox.get(REFERENCES)
            await answer.read()
        except aiohttp.ClientError:
            return broker.host, 0
        return broker.host, answer.status


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_an_answer_that_asks_for_patience_is_an_outage(state_dir: Path, lender: Lender, status: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status)

    async with git_host(answer) as backend:
        host, answered = await asked(state_dir, backend, lender)

    assert host.trouble.startswith(f"the git host answered {status} ")
    assert answered == status


@pytest.mark.parametrize("status", [200, 301, 401, 403, 404])
async def test_an_answer_that_is_one_is_none(state_dir: Path, lender: Lender, status: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 301 else {})

    async with git_host(answer) as backend:
        host, _ = await asked(state_dir, backend, lender)

    assert host.trouble == ""


async def test_a_host_that_nobody_reaches_is_an_outage(state_dir: Path, lender: Lender) -> None:
    unreachable = GitBackend(Path(), set(), url="http://127.0.0.1:1/octo/demo.git")

    host, answered = await asked(state_dir, unreachable, lender)

    assert host.trouble.startswith("the git host cannot be reached: Cannot connect to host 127.0.0.1:1")
    assert answered == 502


async def test_an_answer_that_is_cut_off_is_an_outage(state_dir: Path, lender: Lender) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    async with git_host(answer) as backend:
        host, answered = await asked(state_dir, backend, lender)

    assert host.trouble.startswith("the git host's answer was cut off")
    assert answered == 0, "git sees that it was"


async def test_without_a_fresh_lease_the_scheduler_is_what_is_away(state_dir: Path, lender: Lender) -> None:
    host, answered = await asked(state_dir, GitBackend(Path(), set()), lender, allowed=False)

    assert host.trouble == "the scheduler was not heard of lately, and without it nothing is lent"
    assert answered == 403


@pytest.mark.parametrize(
    ("failure", "trouble"),
    [
        (Unavailable("GitHub answered 502", reason="GITHUB_UNAVAILABLE"), "GitHub answered 502"),
        (Denied("GitHub no longer takes your sign-in", reason="NO_PUSH_RIGHT"), ""),
    ],
    ids=["away", "refused"],
)
async def test_a_credential_that_cannot_be_lent_is_an_outage_where_it_passes(
    state_dir: Path, lender: Lender, failure: Exception, trouble: str
) -> None:
    lender.failure = failure

    host, answered = await asked(state_dir, GitBackend(Path(), set()), lender)

    assert (host.trouble, answered) == (trouble, 503)
