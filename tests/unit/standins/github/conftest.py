"""A running stand-in with one person, one app and one private repository."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from tests.patience import ANSWER_S
from tests.standins.github import GitHubStandin
from tests.standins.github.git import git


@dataclass
class SetClock:
    """Stands still until it is moved."""

    time: datetime = field(default=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.time

    def move(self, by: timedelta) -> None:
        self.time += by


@dataclass(frozen=True)
class Checkout:
    """A clone that belongs to someone with git."""

    folder: Path

    async def run(self, *arguments: str) -> str:
        return await git("-C", str(self.folder), *arguments)

    async def commit(self, path: str, data: bytes, *, branch: str) -> str:
        """One more commit on a branch, made if it is not there; returns its name."""
        await self.run("checkout", "--quiet", "-B", branch)
        (self.folder / path).write_bytes(data)
        await self.run("add", "--all")
        await self.run("commit", "--quiet", "--message", f"change {path}")
        return await self.run("rev-parse", "HEAD")


def address(github: GitHubStandin, token: str, full_name: str = "octo/demo") -> str:
    return github.clone_url(full_name).replace("://", f"://x-access-token:{token}@")


async def cloned(github: GitHubStandin, token: str, folder: Path) -> Checkout:
    await git("clone", "--quiet", address(github, token), str(folder))
    return Checkout(folder)


def rest_client(github: GitHubStandin, token: str | None) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.AsyncClient(base_url=github.api_url, headers=headers, trust_env=False, timeout=ANSWER_S)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def github(tmp_path: Path, clock: SetClock) -> AsyncIterator[GitHubStandin]:
    async with GitHubStandin(tmp_path / "github", now=clock) as standin:
        standin.add_user("octo")
        standin.add_client("app-1", "app-secret", ["https://errand.example/auth/callback"])
        await standin.add_repository("octo/demo", {"README.md": b"# demo\n", "src/one.txt": b"one\n"})
        standin.grant("octo", "octo/demo", "push")
        yield standin


@pytest.fixture
def token(github: GitHubStandin) -> str:
    return github.issue_token("octo")


@pytest.fixture
async def rest(github: GitHubStandin, token: str) -> AsyncIterator[httpx2.AsyncClient]:
    async with rest_client(github, token) as client:
        yield client


@pytest.fixture
async def checkout(github: GitHubStandin, token: str, tmp_path: Path) -> Checkout:
    return await cloned(github, token, tmp_path / "checkout")
