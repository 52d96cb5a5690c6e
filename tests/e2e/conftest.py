"""One running Errand per test module, with a phone that is signed in and a project."""

import pytest_asyncio
from playwright.async_api import expect

from errand.v1 import event_pb2, task_pb2
from errand_common.wire import duration
from tests.demo.forked import forked
from tests.demo.phone import Phone
from tests.demo.stack import REPOSITORY, open_stack
from tests.e2e.browser import open_chromium, open_phone
from tests.e2e.scripted import PROMPT, open_scripted, written


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(request):
    """Claude plays the module's SCRIPT; a module may have a pace of its own: BEAT_S, and PACE_MS for Claude's words.

    BEGIN starts processes otherwise than by forks."""
    pace_ms, beat_s = getattr(request.module, "PACE_MS", 0), getattr(request.module, "BEAT_S", 5.0)
    begin = getattr(request.module, "BEGIN", forked)
    async with open_stack(script=request.module.SCRIPT, pace_ms=pace_ms, beat_s=beat_s, begin=begin) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phone(stack):
    async with Phone.open(stack.gateway_url) as opened:
        await opened.sign_in()
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def project(phone):
    return await phone.add_project(REPOSITORY)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium():
    """Playwright and a headless Chromium."""
    async with open_chromium() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def handset(chromium):
    """A narrow phone whose browser knows nothing yet."""
    async with open_phone(*chromium) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def scripted(tmp_path):
    """A gateway before a scripted history."""
    async with open_scripted(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def inside(scripted, handset):
    """A phone that is signed in there, at its list of tasks."""
    await handset.carry(scripted.gateway.url, scripted.scheduler.new_session())
    await expect(handset.page.get_by_role("link", name=PROMPT)).to_be_visible()
    return handset


@pytest_asyncio.fixture(loop_scope="module")
async def page(scripted, inside):
    """The page of the scripted task, which runs."""
    scripted.stand(task_pb2.TASK_STATUS_RUNNING)
    running = event_pb2.AttemptPhaseChanged(phase=task_pb2.ATTEMPT_PHASE_RUNNING)
    scripted.happen(attempt_phase_changed=running)
    page = await scripted.opened(inside)
    await expect(written(page)).to_have_text(PROMPT)
    # Words that come before any event was heard may have begun before.
    step = event_pb2.StepFinished(step=event_pb2.STEP_FIRST_WORD, duration=duration(0.5))
    scripted.happen(step_finished=step)
    await expect(page.locator(".steps")).to_have_text("first word 0.5 s")
    return page
