"""A supervisor for tests that need one."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from errand_runner.sandbox.supervisor import Supervisor
from tests.unit.runner.local_supervisor import local_supervisor


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncGenerator[Supervisor]:
    async with local_supervisor(tmp_path) as connected:
        yield connected
