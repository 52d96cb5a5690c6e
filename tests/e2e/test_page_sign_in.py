"""People get in by a link, stay in, and leave; a browser that cannot know them is told why, with the cure."""

import asyncio
import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

from errand.v1.account_service_pb2 import CreateSignInLinkRequest
from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand_common import rpc
from tests.demo.forked import forked
from tests.demo.stack import USER, open_stack
from tests.e2e.browser import open_phone, open_phone_without_cookies

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack():
    """An Errand with one person, who has no GitHub app."""
    async with open_stack(script="steps", single_user=True, begin=forked) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def inside(stack, handset):
    """A phone that came in by a link."""
    await handset.page.goto(await new_link(stack))
    await expect(tasks(handset)).to_be_visible()
    return handset


async def new_link(stack):
    """One by the call that `errand-scheduler link` makes."""
    folder = stack.folder / "scheduler" / "credentials" / "operator"
    metadata = rpc.bearer((folder / "token").read_text().strip())
    async with rpc.channel(stack.scheduler_address, ca=(folder / "ca.pem").read_bytes()) as channel:
        accounts = AccountServiceStub(channel)
        # A first connection that does not come about in time is tried again, as every service does it.
        made = await accounts.CreateSignInLink(
            CreateSignInLinkRequest(), metadata=metadata, timeout=60, wait_for_ready=True
        )
    return f"{stack.gateway_url}/#/link/{made.secret}"


def tasks(handset):
    return handset.page.get_by_role("link", name="New task")


def told(handset):
    return handset.page.get_by_role("alert")


def ways_in(handset):
    return handset.page.get_by_text("make link")


async def requests_of(handset, path, act):
    """How often the browser asks for a path while something is done."""
    asked = []
    handset.page.context.on("request", lambda request: asked.append(request.url))
    await act()
    return len([url for url in asked if url.endswith(path)])


async def test_without_a_link_one_is_told_how_to_get_one(stack, handset):
    await handset.page.goto(stack.gateway_url)

    await expect(ways_in(handset)).to_be_visible()
    await expect(handset.page.get_by_role("link", name="Sign in with GitHub")).to_have_count(0)
    await expect(told(handset)).to_have_count(0)
    await handset.fits()


async def test_a_link_leads_in_and_leaves_no_trace_in_the_address(inside):
    await expect(inside.page.get_by_label(f"Signed in as {USER}")).to_be_visible()
    assert inside.page.url.endswith("/#/")
    assert await inside.page.evaluate("history.length") == 2, "about:blank and the page: nowhere to go back to"


async def test_a_link_works_once(stack, chromium):
    link = await new_link(stack)
    async with open_phone(*chromium) as first:
        await first.page.goto(link)
        await expect(tasks(first)).to_be_visible()
    async with open_phone(*chromium) as second:
        await second.page.goto(link)
        await expect(told(second)).to_contain_text(re.compile("link"))
        await expect(ways_in(second)).to_be_visible()
        assert "link/" not in second.page.url
        await second.fits()


async def test_a_link_that_nobody_made_is_refused(stack, handset):
    await handset.page.goto(f"{stack.gateway_url}/#/link/made-up")

    await expect(told(handset)).to_contain_text("link")
    await expect(ways_in(handset)).to_be_visible()


async def test_who_refuses_cookies_is_told_and_keeps_the_link(stack, chromium, handset, tmp_path):
    link = await new_link(stack)
    async with open_phone_without_cookies(chromium[0], tmp_path) as refusing:
        await refusing.page.goto(link)
        await expect(told(refusing)).to_contain_text("refuses cookies")
        await expect(told(refusing)).to_contain_text("Allow cookies for this site")
        await expect(told(refusing)).to_contain_text("open the same link again")
        await refusing.fits()

    await handset.page.goto(link)
    await expect(tasks(handset)).to_be_visible()


async def test_a_browser_that_drops_cookies_in_silence_is_told(stack, handset):
    async def without_cookies(route):
        answer = await route.fetch()
        headers = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
        await handset.page.context.clear_cookies()
        await route.fulfill(response=answer, headers=headers)

    await handset.page.route("**/auth/link", without_cookies)
    await handset.page.goto(await new_link(stack))

    await expect(told(handset)).to_contain_text("refuses cookies")
    await expect(told(handset)).to_contain_text("make link")


async def test_a_reload_leaves_one_signed_in_and_a_sign_out_does_not(inside):
    await inside.page.reload()
    await expect(tasks(inside)).to_be_visible()

    await inside.page.get_by_label(f"Signed in as {USER}").click()
    await inside.fits()
    await inside.page.get_by_role("button", name="Sign out").click()
    await expect(ways_in(inside)).to_be_visible()

    await inside.page.reload()
    await expect(ways_in(inside)).to_be_visible()
    assert await inside.page.context.cookies() == []


async def test_an_expired_session_is_renewed_once_for_all_tabs(inside):
    context = inside.page.context
    other = await context.new_page()
    await context.clear_cookies(name="errand_session")

    async def both():
        await inside.page.reload()
        await other.goto(inside.page.url)
        for page in (inside.page, other):
            await expect(page.get_by_role("link", name="New task")).to_be_visible()

    assert await requests_of(inside, "/auth/token", both) == 1
    assert "errand_session" in {cookie["name"] for cookie in await context.cookies()}


async def test_tabs_that_find_it_expired_at_the_same_moment_renew_it_once(inside):
    context = inside.page.context
    others = [await context.new_page() for _ in range(2)]
    for page in others:
        await page.goto(inside.page.url)
        await expect(page.get_by_role("link", name="New task")).to_be_visible()
    await context.clear_cookies(name="errand_session")

    asked_by_all = asyncio.Event()

    async def hold(route):
        await asked_by_all.wait()
        await route.continue_()

    async def all_at_once():
        for page in (inside.page, *others):
            await page.evaluate("location.hash = '#/new'")
        await waiting_tabs(inside.page, len(others))
        asked_by_all.set()
        for page in (inside.page, *others):
            await page.get_by_role("combobox", name="Repository").click()
            await expect(page.get_by_role("option").first).to_be_visible()

    await context.route("**/auth/token", hold)
    assert await requests_of(inside, "/auth/token", all_at_once) == 1


async def waiting_tabs(page, count):
    """Wait until so many tabs wait for another that renews the session."""
    async with asyncio.timeout(30):
        while await page.evaluate("async () => (await navigator.locks.query()).pending.length") < count:
            continue


async def test_a_session_that_is_over_leads_to_the_ways_in(inside):
    await inside.page.context.clear_cookies()

    # Not by a tap: the list may be gone before, for it asks by itself too.
    await inside.page.evaluate("location.hash = '#/new'")

    await expect(ways_in(inside)).to_be_visible()
    await inside.fits()
