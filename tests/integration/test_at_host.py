"""Where a branch is, is asked of the git host, by the runner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from errand_runner.broker.at_host import AtHost, NotTold
from errand_runner.outage import HostAway
from tests.integration.brokering import Lender, make_broker
from tests.integration.git_backend import GitBackend, git_sh


@asynccontextmanager
async def asking(state_dir: Path, backend: GitBackend, *passwords: str) -> AsyncIterator[AtHost]:
    async with make_broker(state_dir, backend, Lender(list(passwords))) as broker:
        yield broker.at_host


async def test_it_is_found_and_what_is_not_there_is_not(state_dir: Path, backend: GitBackend, password: str) -> None:
    commit = (await git_sh(f"git -C {backend.root}/octo/demo.git rev-parse main")).strip()
    async with asking(state_dir, backend, password) as at_host:
        assert await at_host.commit_of("refs/heads/main") == commit
        assert await at_host.commit_of("refs/heads/mai") == ""
        assert await at_host.commit_of("refs/heads/main/more") == ""


async def test_a_credential_that_has_expired_is_renewed(state_dir: Path, backend: GitBackend, password: str) -> None:
    async with asking(state_dir, backend, "expired", password) as at_host:
        assert await at_host.commit_of("refs/heads/main")


async def test_what_cannot_be_asked_is_told_apart_from_what_is_not_told(
    state_dir: Path, backend: GitBackend, password: str
) -> None:
    async with asking(state_dir, backend, "wrong", "wrong too") as at_host:
        with pytest.raises(NotTold, match="refuses the credential"):
            await at_host.commit_of("refs/heads/main")
        backend.redirect_to = "https://example.com/"
        with pytest.raises(NotTold, match="301"):
            await at_host.commit_of("refs/heads/main")
    backend.url = "http://127.0.0.1:1/octo/demo.git"
    async with asking(state_dir, backend, password) as at_host:
        with pytest.raises(HostAway, match="cannot be reached"):
            await at_host.commit_of("refs/heads/main")


async def test_without_a_fresh_lease_nobody_is_asked(state_dir: Path, backend: GitBackend, password: str) -> None:
    lender = Lender([password])
    async with make_broker(state_dir, backend, lender, allowed=False) as broker:
        with pytest.raises(HostAway, match="not heard of lately"):
            await broker.at_host.commit_of("refs/heads/main")
    assert (lender.asked, backend.requests) == ([], [])
