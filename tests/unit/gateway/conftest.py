"""A gateway between a scripted scheduler and the GitHub stand-in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.standins.github import GitHubStandin
from tests.unit.gateway.gateway_under_test import CLIENT_ID, CLIENT_SECRET, MovableClock, Running, running, settings
from tests.unit.gateway.scheduler_double import SchedulerDouble


@pytest.fixture
async def scheduler() -> AsyncIterator[SchedulerDouble]:
    double = SchedulerDouble()
    await double.start()
    yield double
    await double.stop()


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[GitHubStandin]:
    async with GitHubStandin(tmp_path / "repositories") as standin:
        standin.add_client(CLIENT_ID, CLIENT_SECRET, ["http://127.0.0.1/auth/callback"])
        standin.add_user("ada")
        yield standin


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def gateway(tmp_path: Path, scheduler: SchedulerDouble) -> AsyncIterator[Running]:
    async with running(settings(tmp_path, scheduler.address)) as here:
        yield here


@pytest.fixture
async def signing_in(
    tmp_path: Path, scheduler: SchedulerDouble, github: GitHubStandin, clock: MovableClock
) -> AsyncIterator[Running]:
    """A gateway whose GitHub is the stand-in."""
    async with running(settings(tmp_path, scheduler.address, ERRAND_GITHUB_URL=github.url), clock=clock) as here:
        yield here
