"""One host on which `make up` runs, with a file of settings, and stand-ins for GitHub and Claude."""

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from errand_common.tasks import to_the_end
from errand_local.layout import Layout
from errand_local.supervision import Supervision
from tests.demo.forked import forked
from tests.demo.ports import free_ports
from tests.demo.processes import Processes
from tests.demo.stack import REPOSITORY, SEED, Claude, Stack, clear, image_tag
from tests.e2e.composing import Done, execute, plain_environment

LINK = re.compile(r"^\s*(http\S+/#/link/\S+)$", re.MULTILINE)
WITHIN_S = 60.0


@dataclass
class Host:
    """A host with a file of settings; GitHub and Claude are stand-ins."""

    stack: Stack
    env_file: Path
    settings: dict[str, str]

    @property
    def layout(self) -> Layout:
        """Where everything lies."""
        return Layout(self.stack.folder)

    def write(self, **changed: str) -> None:
        """Write the file of settings anew."""
        self.settings |= changed
        self.env_file.write_text("".join(f"{name}={value}\n" for name, value in self.settings.items() if value))

    async def make(self, target: str, *variables: str) -> Done:
        """`make TARGET NAME=value...` as an operator types it, in an environment without settings of Errand's."""
        return await execute("make", "--no-print-directory", target, f"ENV_FILE={self.env_file}", *variables)

    def pids(self) -> dict[str, int]:
        """The process of each service, 0 while there is none."""
        return {state.name: state.pid for state in Supervision(self.layout).states()}

    @property
    def gateway_url(self) -> str:
        """Where the gateway is to be."""
        return f"http://{self.settings['ERRAND_GATEWAY_LISTEN']}"


def link_in(done: Done) -> str:
    """The sign-in link that `make up` or `make link` printed."""
    (found,) = LINK.findall(done.out)
    return str(found)


@asynccontextmanager
async def open_host(*, script: str = "demo") -> AsyncIterator[Host]:
    folder = Path(tempfile.mkdtemp(prefix="errand-"))
    stack = Stack(folder, image_tag(), Processes(folder, forked), Claude("", ""), single_user=True)
    host = Host(stack, folder / "env", {})
    try:
        await stack.start_github(REPOSITORY, str(SEED))
        await stack.start_claude(script, pace_ms=0)
        http, grpc, metrics, runner_metrics = free_ports(4)
        host.write(
            ERRAND_DATA=str(folder),
            ERRAND_GATEWAY_LISTEN=f"127.0.0.1:{http}",
            ERRAND_SCHEDULER_LISTEN=f"127.0.0.1:{grpc}",
            ERRAND_SCHEDULER_METRICS_LISTEN=f"127.0.0.1:{metrics}",
            ERRAND_RUNNER_METRICS_LISTEN=f"127.0.0.1:{runner_metrics}",
            ERRAND_GITHUB_TOKEN=stack.github["token"],
            ERRAND_GITHUB_URL=stack.github["url"],
            ERRAND_GITHUB_API_URL=stack.github["api_url"],
            ANTHROPIC_API_KEY=stack.claude.key,
            ANTHROPIC_BASE_URL=stack.claude.url,
        )
        yield host
    finally:
        await to_the_end(host.make("down"))
        await to_the_end(clear(stack))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():
            await asyncio.sleep(0.1)


async def healthy(host: Host, name: str) -> None:
    """Wait until a service says that it is well."""
    own = json.loads(host.layout.environment(name).read_text())
    async with asyncio.timeout(WITHIN_S):
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                f"errand_{name}",
                "healthy",
                env={**plain_environment(), **own},
                stderr=asyncio.subprocess.DEVNULL,
            )
            if await process.wait() == 0:
                return
