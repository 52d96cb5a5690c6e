"""Two hosts that joined, each in a network of its own: packets are lost one way, or both, and nothing of a task is."""

import asyncio
import os
import shutil
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from errand.v1 import fleet_service_pb2 as pb
from errand.v1 import runner_pb2
from errand.v1.fleet_service_pb2_grpc import FleetServiceStub
from errand_common import rpc
from errand_common.credentials import read_secret
from errand_common.tasks import to_the_end
from tests.chaos.conftest import BEAT_S
from tests.chaos.hosts import loopback, network
from tests.chaos.observer import check, observed
from tests.chaos.test_chaos import began, lines, steps
from tests.demo.forked import forked
from tests.demo.phone import Phone
from tests.demo.ports import free_port
from tests.demo.processes import Processes
from tests.demo.stack import REPOSITORY, SEED, Claude, Stack, clear, image_tag

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        os.geteuid() != 0 or not (shutil.which("ip") and shutil.which("iptables")),
        reason="network namespaces are made by root, with ip and iptables",
    ),
]
FOUND_S = 15.0
"""Within which a connection that delivers nothing is found out (rpc.Keepalive)."""


class Operator:
    """Calls from where the scheduler is."""

    def __init__(self, stack, channel):
        token = read_secret(stack.folder / "scheduler" / "credentials" / "operator" / "token")
        self.stub, self.metadata = FleetServiceStub(channel), rpc.bearer(token)
        self.scheduler = stack.scheduler_address

    async def token(self):
        request = pb.CreateJoinTokenRequest(scheduler=self.scheduler)
        return (await self.stub.CreateJoinToken(request, metadata=self.metadata)).token

    async def until(self, name, *conditions):
        """The runner, once it stands so."""
        async with asyncio.timeout(60):
            while True:
                listed = await self.stub.ListRunners(pb.ListRunnersRequest(), metadata=self.metadata)
                found = [each for each in listed.runners if each.name == name and each.condition in conditions]
                if found:
                    return found[0]
                await asyncio.sleep(0.1)


@asynccontextmanager
async def fleet():
    """A stack without a runner of its own, and two hosts that joined it."""
    folder = Path(tempfile.mkdtemp(prefix="errand-"))
    stack = Stack(folder, image_tag(), Processes(folder, forked), Claude("", ""))
    stack.beat_s = BEAT_S
    try:
        async with network("a", "b") as (here, hosts):
            await stack.start_github(REPOSITORY, str(SEED))
            await stack.start_claude("steps", pace_ms=0)
            await stack.start_scheduler(ERRAND_LISTEN=f"{here}:{free_port()}")
            await stack.start_gateway()
            urls = (stack.github["url"], stack.github["api_url"], stack.claude.url)
            ports = {urlsplit(url).port or 80 for url in urls}
            ca = (folder / "scheduler" / "credentials" / "operator" / "ca.pem").read_bytes()
            try:
                async with (
                    loopback(hosts[0], *ports),
                    loopback(hosts[1], *ports),
                    rpc.channel(stack.scheduler_address, ca=ca) as channel,
                ):
                    operator = Operator(stack, channel)
                    for host in hosts:
                        await joined(stack, host, await operator.token())
                        await operator.until(host.name, runner_pb2.RUNNER_CONDITION_READY)
                    yield stack, operator, {host.name: host for host in hosts}
            finally:
                await stack.processes.stop_all()
    finally:
        await to_the_end(clear(stack))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two():
    async with fleet() as found:
        yield found


async def joined(stack, host, token):
    """`errand-runner join` on the host, which works from then on."""
    env = stack._env(
        PATH=os.environ["PATH"],
        ERRAND_DATA=str(stack.folder / host.name[-1]),
        ERRAND_SANDBOX_IMAGE=stack.image,
        ERRAND_WARM_SANDBOXES="0",
        ERRAND_LOG_FORMAT="json",
        ANTHROPIC_API_KEY=stack.claude.key,
        ANTHROPIC_BASE_URL=stack.claude.url,
    )
    with stack.processes.log_of(host.name).open("ab") as log:
        stack.processes.running[host.name] = await host.begin(
            "join", token, "--name", host.name, "--slots", "1", env=env, log=log
        )


async def test_packets_lost_one_way_or_both_cost_a_task_nothing_but_time(two):
    stack, operator, hosts = two
    async with Phone.open(stack.gateway_url) as phone:
        await phone.sign_in()
        project = await phone.add_project(REPOSITORY)
        async with observed(stack, phone, project, steps(1.0, 6)) as observer:
            await observer.until(began(0))
            listed = [await operator.until(name, *runner_pb2.RunnerCondition.values()) for name in hosts]
            (at_work,) = [each for each in listed if each.attempts]
            host = hosts[at_work.name]
            for ways in (("OUTPUT",), ("INPUT",), ("OUTPUT", "INPUT")):
                await host.drop(*ways)
                away = await operator.until(host.name, runner_pb2.RUNNER_CONDITION_SILENT)
                assert [each.attempt_id for each in away.attempts] == [observer.attempts()[0][0]]
                await asyncio.sleep(8 * BEAT_S)
                await host.heal()
                await operator.until(host.name, runner_pb2.RUNNER_CONDITION_BUSY, runner_pb2.RUNNER_CONDITION_READY)
            await check(observer)
        assert observer.trace() == lines(6)
        assert len(observer.attempts()) == 1


async def test_a_connection_that_delivers_nothing_is_found_out_on_an_idle_host(two):
    _, operator, hosts = two
    name, host = next(iter(hosts.items()))
    began_s = time.monotonic()
    await host.drop("INPUT", "OUTPUT")
    await operator.until(name, runner_pb2.RUNNER_CONDITION_SILENT)
    await operator.until(name, runner_pb2.RUNNER_CONDITION_NOT_CONNECTED)
    assert time.monotonic() - began_s < FOUND_S + 5
    await host.heal()
    await operator.until(name, runner_pb2.RUNNER_CONDITION_READY)


async def test_a_drained_host_hands_its_task_to_the_other(two):
    stack, operator, hosts = two
    async with Phone.open(stack.gateway_url) as phone:
        await phone.sign_in()
        project = await phone.add_project(REPOSITORY)
        async with observed(stack, phone, project, steps(1.0, 5)) as observer:
            await observer.until(began(1))
            listed = [await operator.until(name, *runner_pb2.RunnerCondition.values()) for name in hosts]
            (at_work,) = [each for each in listed if each.attempts]
            request = pb.SetRunnerModeRequest(runner=at_work.name, mode=runner_pb2.RUNNER_MODE_DRAINING)
            request.drain_duration.FromSeconds(0)
            await operator.stub.SetRunnerMode(request, metadata=operator.metadata)
            ended = await observer.ended()
        assert ended["status"] == "completed"
        assert [phase for _, phase, _ in observer.attempts()] == ["cancelled", "succeeded"]
