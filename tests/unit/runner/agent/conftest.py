"""Tools; a supervisor whose git knows who commits, as the runner sees to in a sandbox."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from errand_runner.sandbox.supervisor import Supervisor
from tests.unit.runner.agent.tooling import Tools
from tests.unit.runner.local_supervisor import local_supervisor

COMMITTER = {
    "GIT_AUTHOR_NAME": "Errand",
    "GIT_AUTHOR_EMAIL": "errand@localhost",
    "GIT_COMMITTER_NAME": "Errand",
    "GIT_COMMITTER_EMAIL": "errand@localhost",
}


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncGenerator[Supervisor]:
    async with local_supervisor(tmp_path, **COMMITTER) as connected:
        yield connected


@pytest.fixture
def tools(supervisor: Supervisor, tmp_path: Path) -> Tools:
    return Tools(supervisor, tmp_path)
