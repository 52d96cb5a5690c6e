"""Five thousand connections of nobody, and half ones that last: whoever has a credential is served all the same."""

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import IO

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from errand_common import rpc
from errand_common.crowd import Crowd
from tests.certificates import identity
from tests.integration.scheduler_process import SchedulerProcess, scheduler_process
from tests.integration.scheduling import DEADLINE_S, Stack, github_with_repository
from tests.integration.strangers import crowd, hello, over_http2, over_tls, until_closed

MANY = 5_000
DESCRIPTORS = 1_280
"""What this scheduler may have open, after it has asked for more than it was begun with."""
CONNECTIONS = 1_024
ANSWERED_S = 3.0
CLOSED_S = 20.0


@pytest.fixture
def many_sockets() -> Iterator[None]:
    """This process may have as many as it makes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = MANY + 1_000
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"{needed} open files are needed here, and {hard} allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def limited(module: str, *arguments: str, env: Mapping[str, str], log: IO[bytes]) -> asyncio.subprocess.Process:
    """`python -m MODULE ARGUMENTS...`, which can open no more files than that."""
    limit = f"--nofile={DESCRIPTORS // 2}:{DESCRIPTORS}"
    command = ("prlimit", limit, sys.executable, "-m", module, *arguments)
    return await asyncio.create_subprocess_exec(*command, env=env, stderr=log, start_new_session=True)


async def answers(stack: Stack) -> None:
    """A caller who was there before is answered soon, and what they ask for is done."""
    began_s = time.monotonic()
    await stack.make_link()
    assert time.monotonic() - began_s < ANSWERED_S


async def newcomer(process: SchedulerProcess) -> None:
    """One who comes now is answered."""
    async with process.channel() as channel:
        await HealthStub(channel).Check(HealthCheckRequest(), timeout=DEADLINE_S, wait_for_ready=True)


@pytest.mark.usefixtures("many_sockets")
async def test_five_thousand_strangers_keep_nobody_from_work(tmp_path: Path) -> None:
    async with (
        github_with_repository(tmp_path / "github") as github,
        scheduler_process(tmp_path / "data", github, begin=limited) as process,
    ):
        await answers(process.stack)
        descriptors, memory_bytes = process.descriptors(), process.memory_bytes()
        with ExitStack() as strangers:
            for words, count in ((b"", 700), (hello(), 200), (b"", MANY - 900)):
                coming = crowd(process.stack.address, count, words=words)
                await asyncio.to_thread(strangers.enter_context, coming)
                await answers(process.stack)
            assert process.descriptors() <= descriptors + CONNECTIONS
            assert process.memory_bytes() - memory_bytes < 64 * 1024 * 1024
        await newcomer(process)
        await answers(process.stack)
        async with asyncio.timeout(CLOSED_S):
            while process.descriptors() > descriptors:
                await asyncio.sleep(0.05)
        assert process.memory_bytes() - memory_bytes < 64 * 1024 * 1024


@asynccontextmanager
async def server(crowd: Crowd) -> AsyncIterator[str]:
    """One with short patience, and no method."""
    shown = identity()
    serving = rpc.server([], keepalive=rpc.Keepalive(silence_s=1.0, answer_s=0.5), crowd=crowd)
    port = serving.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(shown.key, shown.certificate)]))
    await serving.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await serving.stop(None)


async def test_who_is_silent_is_sent_away_however_far_they_came() -> None:
    async with server(Crowd(handshake_s=0.5)) as address, asyncio.timeout(CLOSED_S):
        with crowd(address, 1) as (silent,), crowd(address, 1, words=hello()[:50]) as (half,):
            connections = [await asyncio.open_connection(sock=each) for each in (silent, half)]
            connections += [await over_tls(address), await over_http2(address)]
            for reader, writer in connections:
                await until_closed(reader)
                writer.close()
