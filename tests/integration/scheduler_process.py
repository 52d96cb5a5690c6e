"""A scheduler that is a process of its own, looked at from outside."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from errand_common import rpc
from tests.cpu import cpu_s
from tests.demo.processes import Child, Processes, Start
from tests.integration.scheduling import Stack
from tests.standins.github import GitHubStandin

_HERE = Path(__file__).parents[2]


@dataclass(frozen=True)
class SchedulerProcess:
    """What it costs this machine, and the ways into it."""

    child: Child
    stack: Stack

    def descriptors(self) -> int:
        """How many files and connections it has open."""
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))

    def connections(self) -> int:
        """How many of its descriptors are sockets."""
        folder = Path(f"/proc/{self.child.pid}/fd")
        return sum(_target(each).startswith("socket:") for each in folder.iterdir())

    def memory_bytes(self) -> int:
        """What it has in memory."""
        pages = Path(f"/proc/{self.child.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def cpu_s(self) -> float:
        """For how long it has computed."""
        return cpu_s(self.child.pid)

    def channel(self) -> grpc.aio.Channel:
        """A connection of its own."""
        return rpc.channel(self.stack.address, ca=_ca(self.stack.data))


@asynccontextmanager
async def scheduler_process(
    data: Path, github: GitHubStandin, *, begin: Start, **settings: str
) -> AsyncIterator[SchedulerProcess]:
    """It serves while the context lasts, at the address that it had before, if it had one; then it is stopped."""
    processes, address = Processes(data.parent, begin), data / "scheduler.address"
    listen = address.read_text().strip() if address.exists() else "127.0.0.1:0"
    address.unlink(missing_ok=True)
    env = {
        "PYTHONPATH": str(_HERE),
        "ERRAND_GITHUB_CLIENT_ID": "Iv23test",
        "ERRAND_DATA": str(data),
        "ERRAND_LISTEN": listen,
        "ERRAND_GITHUB_URL": github.url,
        "ERRAND_GITHUB_API_URL": github.api_url,
        "ERRAND_ALLOWED_USERS": "octocat, hubot",
        **settings,
    }
    try:
        child = await processes.start("scheduler", "errand_scheduler", env=env)
        listens = await processes.file("scheduler", address)

        async def stop() -> None:
            await processes.stop("scheduler")

        async with rpc.channel(listens, ca=_ca(data)) as channel:
            yield SchedulerProcess(child, Stack(data, listens, channel, github, stop))
    finally:
        await processes.stop_all()


def _target(link: Path) -> str:
    """Of a descriptor, which may be closed by now."""
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _ca(data: Path) -> bytes:
    return (data / "credentials" / "gateway" / "ca.pem").read_bytes()
