"""The world that most tests begin with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.scheduler.world import World
from tests.unit.scheduler.world import world as open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as each:
        yield each
