"""What the faults of one file share."""

import pytest_asyncio

from tests.chaos.homes import Homes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def homes():
    opened = Homes()
    yield opened
    await opened.discard()
