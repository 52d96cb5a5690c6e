"""A whole Errand on this machine: three services over TLS, and stand-ins for GitHub and Claude."""

import secrets
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from errand_common.credentials import write_secret
from errand_common.tasks import to_the_end
from errand_runner.presence import presence_file
from errand_runner.sandbox.docker import Engine
from tests.demo.ports import free_port
from tests.demo.processes import Processes, Start, from_nothing

ROOT = Path(__file__).parents[2]
USER = "octo"
REPOSITORY = "octo/pricing"
SEED = Path(__file__).parent / "seed"
CLIENT_ID = "Iv23demo"
SERVICES = ("scheduler", "gateway", "runner")
"""In the order in which they start."""


@dataclass
class Claude:
    """The model's service: an address, and the key that it takes."""

    url: str
    key: str


@dataclass
class Stack:
    """What runs, where it listens and where it keeps things. `claude` is the stand-in unless a real one was given."""

    folder: Path
    image: str
    processes: Processes
    claude: Claude
    github: dict[str, str] = field(default_factory=dict)
    gateway_url: str = ""
    single_user: bool = False
    beat_s: float = 5.0
    runner_settings: dict[str, str] = field(default_factory=dict)
    client_secret: str = field(default_factory=lambda: secrets.token_hex(20))

    @property
    def database(self) -> Path:
        """The scheduler's SQLite file."""
        return self.folder / "scheduler" / "errand.db"

    @property
    def scheduler_address(self) -> str:
        """host:port of the scheduler, as it wrote it down."""
        return (self.folder / "scheduler" / "scheduler.address").read_text().strip()

    def bare(self, repository: str = REPOSITORY) -> Path:
        """The git side of a repository."""
        return self.folder / "github" / f"{repository}.git"

    async def start_github(self, repository: str, content: str) -> None:
        """The GitHub stand-in with one user, one app and one repository."""
        redirect = "http://127.0.0.1/auth/callback"
        secret_file = self.folder / "github.secret"
        write_secret(secret_file, self.client_secret)
        options = ["--user", USER, "--client-id", CLIENT_ID, "--client-secret-file", str(secret_file)]
        options += ["--token-for", USER] if self.single_user else []
        await self.processes.start(
            "github",
            "tests.standins.github",
            *("--root", str(self.folder / "github"), *options, "--redirect-uri", redirect),
            *("--repo", f"{repository}={content}:push"),
            env=self._env(),
        )
        self.github = await self.processes.first_line("github")

    async def start_claude(self, script: str, *, pace_ms: int) -> None:
        """The Claude stand-in, playing a script."""
        key_file = self.folder / "claude.key"
        self.claude = Claude("", f"sk-ant-{secrets.token_hex(24)}")
        write_secret(key_file, self.claude.key)
        await self.processes.start(
            "claude",
            "tests.standins.claude",
            *("--script", script, "--key-file", str(key_file), "--pace-ms", str(pace_ms)),
            env=self._env(),
        )
        self.claude.url = (await self.processes.first_line("claude"))["url"]

    async def start_scheduler(self, **settings: str) -> None:
        """The scheduler. Started again, it listens where it did before, so that the others find it."""
        address = self.folder / "scheduler" / "scheduler.address"
        listen = address.read_text().strip() if address.exists() else f"127.0.0.1:{free_port()}"
        address.unlink(missing_ok=True)
        await self.processes.start(
            "scheduler",
            "errand_scheduler",
            env=self._env(**self._scheduler_settings() | {"ERRAND_LISTEN": listen} | settings),
        )
        await self.processes.file("scheduler", address)

    async def link(self) -> str:
        """A sign-in link, as the scheduler's own program prints it."""
        env = self._env(**self._scheduler_settings(), ERRAND_PUBLIC_URL=self.gateway_url)
        process = await self.processes.start("link", "errand_scheduler", "link", env=env)
        assert process.stdout is not None
        printed = await process.stdout.read()
        if await process.wait():
            raise self.processes.failure("link", "printed no link")
        await self.processes.stop("link")
        return next(line.strip() for line in printed.decode().splitlines() if "/#/link/" in line)

    async def start_gateway(self, **settings: str) -> None:
        """The gateway. Started again, it listens where it did before."""
        address = self.folder / "gateway.address"
        listen = address.read_text().strip() if address.exists() else f"127.0.0.1:{free_port()}"
        address.unlink(missing_ok=True)
        app = {"ERRAND_GITHUB_CLIENT_ID": CLIENT_ID, "ERRAND_GITHUB_CLIENT_SECRET": self.client_secret}
        await self.processes.start(
            "gateway",
            "errand_gateway",
            env=self._env(
                **self.scheduler_as("gateway")
                | {
                    "ERRAND_LISTEN": listen,
                    "ERRAND_ADDRESS_FILE": str(address),
                    "ERRAND_GITHUB_URL": self.github["url"],
                }
                | ({} if self.single_user else app)
                | settings
            ),
        )
        self.gateway_url = f"http://{await self.processes.file('gateway', address)}"

    async def start_runner(self, **settings: str) -> None:
        """A runner with two slots, which has a session then. Raises ProcessFailed when its start is refused."""
        session = presence_file(self.folder / "runner")
        session.unlink(missing_ok=True)
        await self.processes.start(
            "runner",
            "errand_runner",
            env=self._env(**self._runner_settings() | settings),
        )
        await self.processes.file("runner", session)

    async def stop_services(self) -> None:
        """The three services, as an operator would stop them; the stand-ins stay."""
        for name in ("runner", "gateway", "scheduler"):
            await self.processes.stop(name)

    def runner_ids(self) -> list[str]:
        """The runners that the scheduler knows."""
        if not self.database.exists():
            return []
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            found = [row[0] for row in connection.execute("SELECT runner_id FROM runners")]
        connection.close()
        return found

    def _scheduler_settings(self) -> dict[str, str]:
        mode = (
            {"ERRAND_GITHUB_TOKEN": self.github["token"]}
            if self.single_user
            else {"ERRAND_GITHUB_CLIENT_ID": CLIENT_ID, "ERRAND_ALLOWED_USERS": USER}
        )
        return {
            "ERRAND_DATA": str(self.folder / "scheduler"),
            "ERRAND_GITHUB_URL": self.github["url"],
            "ERRAND_GITHUB_API_URL": self.github["api_url"],
            "ERRAND_BEAT_SECONDS": str(self.beat_s),
            **mode,
        }

    def _runner_settings(self) -> dict[str, str]:
        return {
            **self.scheduler_as("runners/local"),
            "ERRAND_DATA": str(self.folder / "runner"),
            "ERRAND_SLOTS": "2",
            "ERRAND_SANDBOX_IMAGE": self.image,
            # What waits for a task says not whose it is, which tests ask containers for.
            "ERRAND_WARM_SANDBOXES": "0",
            "ANTHROPIC_API_KEY": self.claude.key,
            "ANTHROPIC_BASE_URL": self.claude.url,
            **self.runner_settings,
        }

    def scheduler_as(self, name: str) -> dict[str, str]:
        credential = self.folder / "scheduler" / "credentials" / name
        return {
            "ERRAND_SCHEDULER": self.scheduler_address,
            "ERRAND_CA_FILE": str(credential / "ca.pem"),
            "ERRAND_TOKEN_FILE": str(credential / "token"),
        }

    def _env(self, **settings: str) -> Mapping[str, str]:
        return {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **settings}


def image_tag() -> str:
    """The sandbox image that `make image` builds."""
    build = ROOT / "services" / "runner" / "image" / "build"
    return subprocess.run([build, "--print-tag"], check=True, capture_output=True, text=True).stdout.strip()


@asynccontextmanager
async def open_stack(
    *,
    script: str = "demo",
    repository: str = REPOSITORY,
    content: str = str(SEED),
    claude: Claude | None = None,
    pace_ms: int = 0,
    single_user: bool = False,
    beat_s: float = 5.0,
    begin: Start = from_nothing,
) -> AsyncIterator[Stack]:
    """Start everything; on leaving, however that comes, nothing is left of it but the engine and the image.

    `begin` starts each process. With `single_user` people sign in by `link` alone, as the owner of a personal token.
    """
    folder = Path(tempfile.mkdtemp(prefix="errand-"))
    stack = Stack(folder, image_tag(), Processes(folder, begin), claude or Claude("", ""))
    stack.single_user, stack.beat_s = single_user, beat_s
    try:
        await stack.start_github(repository, content)
        if claude is None:
            await stack.start_claude(script, pace_ms=pace_ms)
        await stack.start_scheduler()
        await stack.start_gateway()
        await stack.start_runner()
        yield stack
    finally:
        # One more Ctrl-C must not leave half of it running.
        await to_the_end(clear(stack))


async def clear(stack: Stack) -> None:
    """Stop what was started, and remove containers, volumes and the folder."""
    await stack.processes.stop_all()
    runner_ids = stack.runner_ids()
    if runner_ids:
        async with Engine.connect(state_dir=stack.folder / "runner") as engine:
            for runner_id in runner_ids:
                await engine.remove_everything(runner_id)
    shutil.rmtree(stack.folder)
