"""What tests begin with: most with a world, some with GitHub."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from errand_scheduler.github import Wire, open_wire
from tests.standins.github import GitHubStandin
from tests.unit.scheduler.at_github import github_with_branch
from tests.unit.scheduler.world import World
from tests.unit.scheduler.world import world as open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as each:
        yield each


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[GitHubStandin]:
    async with github_with_branch(tmp_path) as each:
        yield each


@pytest.fixture
def token(github: GitHubStandin) -> str:
    return github.issue_token("octo")


@pytest.fixture
async def wire(github: GitHubStandin) -> AsyncIterator[Wire]:
    async with open_wire(github.api_url) as opened:
        yield opened
