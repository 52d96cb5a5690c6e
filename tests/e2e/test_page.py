"""An errand from a phone's browser: signed in, sent, watched, steered, stopped and sent on."""

import asyncio
import base64
import re

import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from tests.demo.stack import REPOSITORY
from tests.e2e.browser import open_phone_without_cookies
from tests.e2e.scripted import pill, queued, said, tools, written
from tests.e2e.watching import HELD, event, let_go, run, until
from tests.unit.runner.agent.drawings import png

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "steps"

MARKUP = "<img src=x onerror=document.body.remove()>"


@pytest_asyncio.fixture(loop_scope="module")
async def signed_in(stack, phone, handset):
    """A phone at its list of tasks."""
    await handset.carry(stack.gateway_url, phone.access_token)
    await expect(handset.page.get_by_role("link", name="New task")).to_be_visible()
    return handset


async def opened(signed_in, task):
    """The page of a task; what happened so far is read."""
    page = signed_in.page
    await page.evaluate("address => { location.hash = address }", f"#/tasks/{task['task_id']}")
    await expect(page.locator(".entry").first).to_be_visible()
    return page


async def at_work(signed_in, phone, project, steps):
    """The page of a task whose first command runs."""
    task = await phone.create_task(project, f"Steps: {steps}")
    await until(phone, task, event("tool_call_started"))
    page = await opened(signed_in, task)
    await expect(tools(page).first.locator(".spinner")).to_be_visible()
    return page


def task_of(page):
    """Of the page that shows it."""
    return {"task_id": page.url.rpartition("/")[2]}


async def ends(page, status):
    await expect(pill(page)).to_have_text(status, timeout=60_000)
    # The stop button goes with the last event: what is drawn then is the end.
    await expect(page.get_by_role("button", name="Stop")).to_be_hidden()


async def story_of(page):
    """What a person reads, entry by entry."""
    return await page.locator(".entry").all_inner_texts()


async def test_a_prompt_becomes_a_pull_request_before_ones_eyes(handset, stack):
    page = handset.page
    await page.goto(stack.gateway_url)
    await expect(page.get_by_text("make link")).to_be_visible()
    await handset.fits()
    await page.get_by_role("link", name="Sign in with GitHub").click()
    await expect(page.get_by_text("No tasks yet")).to_be_visible()
    await handset.fits()
    await page.get_by_role("link", name="New task").click()
    repository = page.get_by_role("combobox", name="Repository")
    await repository.fill("prici")
    await page.get_by_role("option", name=REPOSITORY).click()
    await expect(repository).to_have_value(REPOSITORY)
    await page.get_by_label("Prompt").fill(f"Steps: echo begun && {HELD}; echo news > NEWS.md")
    await handset.fits()
    await page.get_by_role("button", name="Send").click()

    runs = tools(page).filter(has=page.locator(".spinner"))
    await expect(runs).to_contain_text("echo begun && until")
    await expect(runs.locator(".tail")).to_have_text("begun")
    await expect(pill(page)).to_have_text("Running")
    await handset.fits()

    let_go(task_of(page))
    await ends(page, "Completed")
    link = page.get_by_role("link", name=re.compile(r"^Pull request #\d+$"))
    await expect(link).to_have_attribute(
        "href", re.compile(rf"^{re.escape(stack.github['url'])}/{REPOSITORY}/pull/\d+$")
    )
    assert await said(page).all_inner_texts() == [
        "Step 1 of 2.",
        "Step 2 of 2.",
        "Done: 2 steps. Nobody said anything meanwhile.",
    ]
    await expect(page.locator(".steps")).to_contain_text("clone")
    await page.get_by_text("Details").click()
    await expect(page.locator(".facts dl")).to_contain_text("1 file +1 −0")
    await expect(page.locator(".facts dl")).to_contain_text(re.compile(r"\d+ in \([\d,]+ from the cache\), \d+ out"))
    await handset.fits()

    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="Back").click()
    row = page.get_by_role("listitem").filter(has_text="echo begun")
    await expect(row).to_contain_text("Completed")
    await expect(row).to_contain_text(REPOSITORY)
    await expect(row).to_contain_text("pull request")
    await handset.fits()


async def test_all_of_a_commands_output_can_be_read(signed_in, phone, project):
    task = await run(phone, project, "Steps: seq 400")
    page = await opened(signed_in, task)

    await expect(tools(page).locator(".tail")).to_have_text(re.compile(r"^393\s.*400$", re.DOTALL))
    await tools(page).get_by_role("button").click()

    await expect(tools(page).locator(".body pre").last).to_contain_text(
        re.compile(r"^1\n2\n3\n4\n.*400\n.*exit code 0", re.DOTALL)
    )
    await signed_in.fits()


async def test_a_picture_that_claude_reads_is_seen_and_a_command_in_the_background_followed(signed_in, phone, project):
    steps = (
        f"echo {base64.b64encode(png(40, 20)).decode()} | base64 -d > shot.png",
        '!read {"path": "shot.png"}',
        '!bash {"command": "echo up && exec sleep 300", "background": true}',
        "pgrep -x sleep",
        '!bash_output {"id": "$bg", "wait_s": 0}',
        "rm shot.png",
    )
    task = await run(phone, project, f"Steps: {'; '.join(steps)}")
    page = await opened(signed_in, task)

    reading = page.get_by_role("article", name="Tool read")
    await reading.get_by_role("button").click()
    picture = reading.get_by_role("img", name="What Claude was shown")
    await expect(picture).to_be_visible()
    size = "async image => (await image.decode(), `${image.naturalWidth} × ${image.naturalHeight}`)"
    assert await picture.evaluate(size) == "40 × 20"
    await expect(tools(page).nth(1).locator(".tail")).to_contain_text("has run in the background")
    await expect(tools(page).nth(2).locator(".tail")).to_contain_text("background processes still running: 1")
    looked = page.get_by_role("article", name="Tool bash_output")
    await expect(looked.locator(".tail")).to_contain_text("(no new output)")
    await signed_in.fits()


async def test_a_follow_up_goes_on_with_the_same_pull_request(signed_in, phone, project):
    task = await run(phone, project, "Steps: echo one > NEWS.md")
    page = await opened(signed_in, task)
    await ends(page, "Completed")

    await page.get_by_label("What should happen next?").fill("Steps: echo two >> NEWS.md")
    await page.get_by_role("button", name="Send").click()

    await expect(written(page)).to_have_text(["Steps: echo one > NEWS.md", "Steps: echo two >> NEWS.md"])
    await expect(page.locator(".ending")).to_have_text([re.compile("Completed")] * 2, timeout=60_000)
    await expect(page.get_by_label("What should happen next?")).to_have_value("")
    await expect(page.get_by_role("link", name=re.compile("Pull request"))).to_have_count(1)
    await expect(page.locator(".pushed")).to_have_count(2)


async def test_a_stop_is_seen_at_once_and_ends_a_running_command(signed_in, phone, project):
    page = await at_work(signed_in, phone, project, "sleep 600")

    await page.get_by_role("button", name="Stop").click()

    await expect(page.get_by_role("button", name="Stopping")).to_be_disabled()
    await ends(page, "Cancelled")
    await expect(tools(page)).to_contain_text("interrupted")
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    await signed_in.fits()


async def test_a_word_reaches_claude_in_the_middle_of_its_work(signed_in, phone, project):
    page = await at_work(signed_in, phone, project, f"{HELD}; true")

    await page.get_by_label("Tell Claude something").fill("Mind the gap.")
    await page.get_by_role("button", name="Steer now").click()

    await expect(queued(page)).to_contain_text("Mind the gap.")
    await expect(queued(page)).to_contain_text("Steers with the next step")
    let_go(task_of(page))
    await expect(written(page).last).to_have_text("Mind the gap.Steered")
    await expect(queued(page)).to_have_count(0)
    await ends(page, "Completed")
    await expect(said(page).last).to_contain_text("I was told meanwhile")
    await expect(said(page).last).to_contain_text("Mind the gap.")
    await expect(page.locator(".ending")).to_have_count(1)


async def test_a_word_can_wait_for_the_end_of_the_turn(signed_in, phone, project):
    page = await at_work(signed_in, phone, project, f"{HELD}; true")

    await page.get_by_label("Tell Claude something").fill("And then rest.")
    await page.get_by_role("button", name="After this turn").click()

    await expect(queued(page)).to_contain_text("Queued: after this turn")
    let_go(task_of(page))
    await expect(said(page).filter(has_text="Nobody said anything meanwhile")).to_be_visible()
    await expect(said(page).last).to_contain_text("And then rest.")
    await expect(written(page).last).to_have_text("And then rest.")
    await expect(queued(page)).to_have_count(0)


async def test_a_gateway_that_dies_leaves_no_gap_and_repeats_nothing(signed_in, stack, phone, project):
    page = await at_work(signed_in, phone, project, f"{HELD}; echo kept > NEWS.md; echo seen")

    await stack.processes.kill("gateway")
    await expect(page.get_by_text("Connecting again…")).to_be_visible()
    let_go(task_of(page))
    await stack.start_gateway()

    await ends(page, "Completed")
    await expect(page.get_by_text("Connecting again…")).to_be_hidden()
    followed = await story_of(page)
    await page.reload()
    await ends(page, "Completed")
    assert followed == await story_of(page)
    assert len([entry for entry in followed if "echo seen" in entry and entry.startswith("$")]) == 1
    assert len([entry for entry in followed if entry.startswith("Step ")]) == 3


async def test_markup_is_shown_as_text_wherever_it_comes_from(signed_in, phone, project):
    task = await run(phone, project, f"Steps: echo '{MARKUP}' && sh -c 'exit 3'")
    page = await opened(signed_in, task)
    await tools(page).get_by_role("button").click()
    await page.get_by_label("What should happen next?").fill(MARKUP)
    await page.get_by_role("button", name="Send").click()

    await expect(tools(page)).to_contain_text("exit 3")
    await expect(tools(page).locator(".head")).to_contain_text(MARKUP)
    await expect(tools(page).locator(".body")).to_contain_text(f"{MARKUP}\n")
    await expect(written(page)).to_contain_text([MARKUP, MARKUP])
    await expect(said(page).last).to_contain_text(MARKUP)
    await expect(page.locator("img")).to_have_count(0)
    await page.get_by_role("link", name="Back").click()
    await expect(page.get_by_role("listitem").filter(has_text=MARKUP)).to_have_count(1)
    await signed_in.fits()


async def test_the_list_moves_with_its_tasks(signed_in, phone, project):
    page = signed_in.page
    await expect(page.locator(".tasks")).to_be_attached()

    task = await phone.create_task(project, "Steps: sleep 600")
    row = page.get_by_role("listitem").filter(has=page.locator(f"[href='#/tasks/{task['task_id']}']"))

    await expect(row).to_contain_text("Running")
    await expect(page.get_by_role("listitem").first).to_contain_text("Steps: sleep 600")
    await phone.stop(task)
    await expect(row).to_contain_text("Cancelled")


async def test_what_happens_to_a_new_task_while_the_list_reads_it_is_seen(signed_in, phone, project):
    page, follows, read, over = signed_in.page, asyncio.Event(), asyncio.Event(), asyncio.Event()

    def heard(payload: str | bytes) -> None:
        if '"caught_up"' in str(payload):
            follows.set()
        if '"task_status_changed"' in str(payload) and '"cancelled"' in str(payload):
            over.set()

    async def answered_late(route: Route) -> None:
        answer = await route.fetch()
        read.set()
        async with asyncio.timeout(30):
            await over.wait()
        await route.fulfill(response=answer)

    page.on("websocket", lambda socket: socket.on("framereceived", heard))
    await page.route("**/v1/tasks/tsk_*", answered_late)
    await page.reload()
    async with asyncio.timeout(30):
        await follows.wait()
        await page.wait_for_load_state("networkidle")
        task = await phone.create_task(project, "Steps: sleep 600")
        await read.wait()
    await phone.stop(task)

    row = page.get_by_role("listitem").filter(has=page.locator(f"[href='#/tasks/{task['task_id']}']"))
    await expect(row).to_contain_text("Cancelled")


async def test_a_failure_says_why(signed_in, stack, phone, project):
    bare = stack.bare()
    away = bare.with_name("away.git")
    bare.rename(away)
    task = await run(phone, project, "Steps: true")
    away.rename(bare)
    page = await opened(signed_in, task)

    await ends(page, "Failed")
    await expect(page.locator(".ending")).to_contain_text("The repository could not be cloned")
    await expect(page.locator(".ending")).to_contain_text(task["status_reason"])
    await signed_in.fits()


async def test_a_link_admits_whoever_then_signs_in_with_github(stack, handset):
    await handset.page.goto(await stack.link())

    await expect(handset.page.get_by_role("link", name="New task")).to_be_visible()
    assert "link" not in handset.page.url


async def test_who_refuses_cookies_is_told_before_and_after_github(stack, chromium, tmp_path):
    async with open_phone_without_cookies(chromium[0], tmp_path) as refusing:
        await refusing.page.goto(stack.gateway_url)
        told = refusing.page.get_by_role("alert")
        await expect(told).to_contain_text("refuses cookies")
        await expect(told).to_contain_text("then reload this page")
        await refusing.page.get_by_role("link", name="Sign in with GitHub").click()

        await expect(refusing.page.get_by_role("heading")).to_have_text("You are not signed in")
        await expect(told).to_contain_text("refuses cookies; allow cookies for this site")
        await refusing.fits()


async def test_who_writes_a_new_task_can_see_to_its_project_first(signed_in, phone, project):
    page = signed_in.page
    await page.get_by_role("link", name="New task").click()
    settings = page.get_by_role("link", name="Project settings")
    await expect(settings).to_be_hidden()
    await page.get_by_label("Repository").fill(REPOSITORY)
    await settings.click()
    await page.get_by_label("Setup script").fill("true")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()

    (stored,) = (await phone.get("/v1/projects"))["projects"]
    assert stored["setup_script"] == "true"
    await phone.update_project(project, setup_script="")
