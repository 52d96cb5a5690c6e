"""Two hosts that joined, each in a network of its own, and an operator who sees them."""

import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from errand.v1 import runner_pb2
from errand_common.tasks import to_the_end
from tests.chaos.home import BEAT_S
from tests.chaos.hosts import Host, loopback, network
from tests.chaos.observer import Observer, observed
from tests.chaos.operators import Operator, operator_of
from tests.demo.forked import forked
from tests.demo.phone import Json, Phone
from tests.demo.ports import free_port
from tests.demo.processes import Processes
from tests.demo.stack import REPOSITORY, SEED, Claude, Stack, clear, image_tag


@dataclass
class Fleet:
    """An Errand without a runner of its own, and two hosts of one slot each."""

    stack: Stack
    operator: Operator
    hosts: dict[str, Host]
    phone: Phone
    project: Json
    slots: int = 1

    async def start(self, name: str) -> None:
        """`errand-runner` on a host that joined."""
        await _begin(self.stack, self.hosts[name])

    def watch(self, prompt: str) -> AbstractAsyncContextManager[Observer]:
        """A new task, watched from its beginning."""
        return observed(self.stack, self.phone, self.project, prompt)


@asynccontextmanager
async def open_fleet(*, beat_s: float = BEAT_S) -> AsyncIterator[Fleet]:
    """With a phone that is signed in and a project. Needs root, `ip` and `iptables`. Nothing is left of it."""
    folder = Path(tempfile.mkdtemp(prefix="errand-"))
    stack = Stack(folder, image_tag(), Processes(folder, forked), Claude("", ""))
    stack.beat_s = beat_s
    try:
        async with network("a", "b") as (here, hosts):
            await stack.start_github(REPOSITORY, str(SEED))
            await stack.start_claude("steps", pace_ms=0)
            await stack.start_scheduler(ERRAND_LISTEN=f"{here}:{free_port()}")
            await stack.start_gateway()
            urls = (stack.github["url"], stack.github["api_url"], stack.claude.url)
            ports = {urlsplit(url).port or 80 for url in urls}
            try:
                async with (
                    loopback(hosts[0], *ports),
                    loopback(hosts[1], *ports),
                    operator_of(stack) as operator,
                    Phone.open(stack.gateway_url) as phone,
                ):
                    for host in hosts:
                        await _join(stack, host, await operator.token())
                        await operator.until(host.name, runner_pb2.RUNNER_CONDITION_READY)
                    await phone.sign_in()
                    project = await phone.add_project(REPOSITORY)
                    yield Fleet(stack, operator, {host.name: host for host in hosts}, phone, project)
            finally:
                await stack.processes.stop_all()
    finally:
        await to_the_end(clear(stack))


async def _join(stack: Stack, host: Host, token: str) -> None:
    """`errand-runner join` on the host, which works from then on."""
    await _begin(stack, host, "join", token, "--name", host.name, "--slots", "1")


async def _begin(stack: Stack, host: Host, *arguments: str) -> None:
    env = joining_settings(stack, stack.folder / host.name[-1])
    with stack.processes.log_of(host.name).open("ab") as log:
        stack.processes.running[host.name] = await host.begin(*arguments, env=env, log=log)


def joining_settings(stack: Stack, data: Path) -> Mapping[str, str]:
    """The environment of a host that is to join."""
    return stack._env(
        PATH=os.environ["PATH"],
        ERRAND_DATA=str(data),
        ERRAND_SANDBOX_IMAGE=stack.image,
        ERRAND_WARM_SANDBOXES="0",
        ERRAND_LOG_FORMAT="json",
        ANTHROPIC_API_KEY=stack.claude.key,
        ANTHROPIC_BASE_URL=stack.claude.url,
    )
