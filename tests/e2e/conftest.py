"""One running Errand per test module, with a phone that is signed in and a project."""

import pytest_asyncio

from tests.demo.phone import Phone
from tests.demo.stack import REPOSITORY, open_stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(request):
    """Claude plays the module's SCRIPT."""
    async with open_stack(script=request.module.SCRIPT) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phone(stack):
    async with Phone.open(stack.gateway_url) as opened:
        await opened.sign_in()
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def project(phone):
    return await phone.add_project(REPOSITORY)
