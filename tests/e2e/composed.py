"""An Errand of `compose.yaml`, as a compose project of its own beside stand-ins for GitHub and Claude."""

import asyncio
import json
import re
import secrets
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import httpx2

from errand_common.credentials import write_secret
from errand_common.tasks import to_the_end
from errand_runner.sandbox.docker import Engine
from tests.demo.ports import free_ports
from tests.demo.processes import Processes
from tests.demo.stack import REPOSITORY, ROOT, SEED, USER
from tests.e2e import composing
from tests.patience import ANSWER_S

SERVICES = ("caddy", "gateway", "scheduler", "runner")
READY_S = 60.0

_RUNNER = re.compile(r"\brnr_[0-9a-z]{26}\b")
_AUTHORITY = "/data/caddy/pki/authorities/local/root.crt"

_ENOUGH_TO_BUILD = {"ANTHROPIC_API_KEY": "none", "ERRAND_PUBLIC_URL": "http://localhost"}

# Asking every second takes more than a server has to spare, and waiting longer more than a test has. As often as that,
# on a busy machine, nobody is ill yet.
_QUICKER = "services:\n" + "".join(
    f"  {name}: {{healthcheck: {{interval: 1s, retries: 60}}}}\n" for name in SERVICES[1:]
)


@dataclass
class Composed:
    """What runs, under a project name of its own, and what it was told."""

    folder: Path
    processes: Processes
    name: str = field(default_factory=lambda: f"errand-test-{secrets.token_hex(4)}")
    settings: dict[str, str] = field(default_factory=dict)
    runners: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where browsers go."""
        return self.settings["ERRAND_PUBLIC_URL"]

    @property
    def authority(self) -> Path:
        """The certificate of Caddy's own authority, taken out of its container by `up`."""
        return self.folder / "authority.crt"

    @property
    def repository(self) -> Path:
        """The git side of the one repository."""
        return self.folder / "github" / f"{REPOSITORY}.git"

    async def start_outside(self, script: str) -> None:
        """GitHub and Claude, at this machine's address on Docker's bridge, and the settings that name them."""
        host = bridge_address()
        key_file, key = self.folder / "claude.key", f"sk-ant-{secrets.token_hex(24)}"
        write_secret(key_file, key)
        repository = ("--repo", f"{REPOSITORY}={SEED}:push", "--root", str(self.folder / "github"))
        github = await self._start("github", "--host", host, "--user", USER, "--token-for", USER, *repository)
        claude = await self._start("claude", "--host", host, "--script", script, "--key-file", str(key_file))
        http, https, grpc, metrics = free_ports(4)
        self.settings |= {
            "ANTHROPIC_API_KEY": key,
            "ANTHROPIC_BASE_URL": claude["url"],
            "ERRAND_DATA": str(self.folder),
            "ERRAND_GITHUB_API_URL": github["api_url"],
            "ERRAND_GITHUB_TOKEN": github["token"],
            "ERRAND_GITHUB_URL": github["url"],
            "ERRAND_HTTPS_PORT": str(https),
            "ERRAND_HTTP_PORT": str(http),
            "ERRAND_PUBLIC_URL": f"https://localhost:{https}",
            "ERRAND_SCHEDULER_LISTEN": f"127.0.0.1:{grpc}",
            "ERRAND_SCHEDULER_METRICS_LISTEN": f"127.0.0.1:{metrics}",
        }

    async def _start(self, name: str, *options: str) -> dict[str, str]:
        env = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        await self.processes.start(name, f"tests.standins.{name}", *options, env=env)
        return await self.processes.first_line(name)

    async def compose(self, *arguments: str) -> str:
        """`scripts/compose` on this project; returns what it printed. Raises AssertionError when it fails."""
        quicker = self.folder / "quicker.yaml"
        quicker.write_text(_QUICKER)
        project = ("-f", "compose.yaml", "-f", str(quicker), "-p", self.name)
        done = await composing.compose(self.folder / "env", self.settings, *project, *arguments)
        assert done.code == 0, done.out + done.err
        return done.out

    async def up(self) -> None:
        """Start everything, and wait until Caddy passes requests on to the gateway."""
        try:
            await self.compose("up", "-d", "--no-build")
            async with asyncio.timeout(READY_S):
                while not await self._passes_on():
                    await asyncio.sleep(0.1)
        except (AssertionError, TimeoutError) as exc:
            logs = await self.compose("logs", "--no-color", "--tail", "30")
            raise AssertionError(f"{self.url} does not answer: {exc}\n{logs}") from exc

    async def _passes_on(self) -> bool:
        taken = await composing.execute("docker", "exec", self.container("caddy"), "cat", _AUTHORITY)
        if taken.code != 0:
            return False
        self.authority.write_text(taken.out)
        try:
            trust = ssl.create_default_context(cafile=self.authority)
            async with httpx2.AsyncClient(verify=trust, timeout=ANSWER_S) as browser:
                return (await browser.get(f"{self.url}/healthz")).is_success
        except (httpx2.TransportError, ssl.SSLError):
            return False

    def container(self, service: str) -> str:
        """A service's container, found by the labels that both versions of compose give it."""
        (found,) = composing.labelled(com_docker_compose_project=self.name, com_docker_compose_service=service)
        return found

    async def find_runners(self) -> set[str]:
        """The ids under which the runner has worked so far, as its log says."""
        self.runners |= set(_RUNNER.findall(await self.compose("logs", "--no-color", "runner")))
        return self.runners

    def left_over(self) -> list[str]:
        """Containers, volumes and networks that there still are, those of the runner's sandboxes included."""
        ours = composing.labelled(com_docker_compose_project=self.name)
        return ours + [name for runner in self.runners for name in composing.labelled(errand_runner=runner)]

    async def clear(self) -> None:
        """Take everything down, data and workspaces included."""
        try:
            if self.settings:
                await self._take_down()
        finally:
            await self.processes.stop_all()
            shutil.rmtree(self.folder)

    async def _take_down(self) -> None:
        await self.find_runners()
        await self.compose("down", "--volumes", "--timeout", "10")
        async with Engine.connect(state_dir=self.folder / "runner") as engine:
            for runner_id in self.runners:
                await engine.remove_everything(runner_id)
        # What the runner wrote is root's, whoever runs the tests.
        mount, state = f"{self.folder}:{self.folder}", str(self.folder / "runner")
        composing.docker("run", "--rm", "--volume", mount, "--entrypoint", "rm", "errand-runner", "-rf", state)


def bridge_address() -> str:
    """This machine's on Docker's bridge. An engine that found the bridge made already names its subnet alone."""
    (found,) = json.loads(composing.docker("network", "inspect", "bridge"))
    ipv4 = next(each for each in found["IPAM"]["Config"] if ":" not in each["Subnet"])
    return str(ipv4.get("Gateway") or ip_network(ipv4["Subnet"])[1])


async def build(folder: Path) -> None:
    """The images, of what the project holds now."""
    done = await composing.compose(folder / "env", _ENOUGH_TO_BUILD, "build")
    assert done.code == 0, done.out + done.err


@asynccontextmanager
async def open_composed(script: str) -> AsyncIterator[Composed]:
    """Build what changed and start everything; on leaving, however that comes, nothing is left but the images."""
    folder = Path(tempfile.mkdtemp(prefix="errand-"))
    composed = Composed(folder, Processes(folder))
    try:
        await build(folder)
        await composed.start_outside(script)
        await composed.up()
        yield composed
    finally:
        await to_the_end(composed.clear())
