"""One Errand whose beats are short, and whose runner reaches the scheduler over a wire that can be cut."""

import pytest_asyncio

from tests.chaos.wire import wire_to
from tests.demo.forked import forked
from tests.demo.phone import Phone
from tests.demo.stack import REPOSITORY, open_stack

BEAT_S = 0.25
"""A twentieth of the real one: a lease ends after 1.5 s, and a runner is lost after 30 s."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack():
    async with open_stack(script="steps", beat_s=BEAT_S, begin=forked) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire(stack):
    """Between the runner and the scheduler."""
    async with wire_to(stack.scheduler_address) as wire:
        await stack.processes.stop("runner")
        stack.runner_settings["ERRAND_SCHEDULER"] = wire.address
        await stack.start_runner()
        yield wire


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phone(stack):
    async with Phone.open(stack.gateway_url) as opened:
        await opened.sign_in()
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def project(phone):
    return await phone.add_project(REPOSITORY)
