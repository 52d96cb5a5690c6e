"""The page bears a history that is unknown to it, hostile, restored, cut off, doubled or too much."""

import re

import pytest
from playwright.async_api import expect

from errand.v1 import event_pb2 as pb
from errand.v1 import task_pb2
from errand_common.wire import duration
from tests.e2e.scripted import queued, said

pytestmark = pytest.mark.asyncio(loop_scope="module")


def work(scripted, numbers):
    for number in numbers:
        scripted.say(f"msg_{number:05}", f"Words {number}.")
        scripted.begin_tool(f"toolu_{number}", f"command {number}")
        scripted.end_tool(f"toolu_{number}", "output\n" * 100)


async def at_end(page):
    return await page.evaluate("document.documentElement.scrollHeight - window.scrollY - window.innerHeight < 2")


async def test_kinds_that_are_not_known_break_nothing(page, scripted):
    scripted.happen()
    scripted.happen(sandbox_opened=pb.SandboxOpened(sandbox_id="sbx_1"))
    scripted.happen(step_finished=pb.StepFinished(duration=duration(1.0)))
    scripted.say("msg_1", "Still here.")

    await expect(said(page)).to_have_text("Still here.")


async def test_what_only_a_newer_runner_knows_is_shown_as_that(page, scripted):
    scripted.happen()
    await expect(page.locator(".entry").last).to_contain_text("this version of Errand does not know")


async def test_what_leads_nowhere_good_is_no_link(page, scripted):
    scripted.happen(pull_request_opened=pb.PullRequestOpened(url="javascript:alert(1)", number=1))

    await expect(page.locator(".entries")).to_contain_text("Pull request #1")
    await expect(page.locator("main a")).to_have_count(0)


async def test_claudes_words_are_set_and_never_run(page, scripted):
    hostile = "<script>document.title='x'</script>"
    words = (
        f"# Result\n\nIt is **done**, see `a<b>`:\n\n- one {hostile}\n- two\n\n```\n<b>code</b>\n```\n[x](javascript:1)"
    )
    scripted.say("msg_1", words)

    prose = said(page).locator(".prose")
    await expect(prose.locator(".heading")).to_have_text("Result")
    await expect(prose.locator("strong")).to_have_text("done")
    await expect(prose.locator("p code")).to_have_text("a<b>")
    await expect(prose.locator("li")).to_have_text([f"one {hostile}", "two"])
    await expect(prose.locator("pre")).to_have_text("<b>code</b>")
    await expect(prose.locator("b, script, a")).to_have_count(0)
    await expect(prose).to_contain_text("[x](javascript:1)")


async def test_a_restored_server_is_read_from_its_beginning(page, scripted):
    scripted.say("msg_1", "Never happened.")
    await expect(said(page)).to_have_text("Never happened.")

    scripted.scheduler.history.restore()
    scripted.say("msg_2", "Happened.")
    scripted.say("msg_3", "As well.")

    await expect(said(page)).to_have_text(["Happened.", "As well."])


async def test_a_scheduler_that_is_away_is_told_until_it_is_back(page, scripted):
    await scripted.scheduler.stop()
    await expect(page.locator(".away")).to_be_visible()

    await scripted.scheduler.start()
    await expect(page.locator(".away")).to_be_hidden()
    scripted.say("msg_1", "Back.")
    await expect(said(page)).to_have_text("Back.")


async def test_a_line_that_swallows_everything_is_noticed_and_replaced(inside, scripted):
    sockets: list[object] = []

    def through(socket):
        server = socket.connect_to_server()
        first, heard = not sockets, []
        sockets.append(server)

        def pass_on(message):
            heard.append(message)
            if not first or len(heard) < 3:
                socket.send(message)

        server.on_message(pass_on)

    await inside.page.route_web_socket("**/v1/live", through)
    scripted.stand(task_pb2.TASK_STATUS_RUNNING)
    scripted.say("msg_1", "One.")
    page = await scripted.opened(inside)
    scripted.say("msg_2", "Two.")

    await expect(said(page)).to_have_text(["One.", "Two."])
    assert len(sockets) == 2


async def test_what_comes_twice_is_shown_once(inside, scripted):
    def doubling(socket):
        server = socket.connect_to_server()
        server.on_message(lambda message: (socket.send(message), socket.send(message)))

    await inside.page.route_web_socket("**/v1/live", doubling)
    scripted.stand(task_pb2.TASK_STATUS_RUNNING)
    page = await scripted.opened(inside)
    scripted.happen(input_added=pb.InputAdded(input_id="inp_1", summary="Words of mine"))
    scripted.stand(task_pb2.TASK_STATUS_COMPLETED)

    scripted.say("msg_1", "The end.")

    await expect(said(page)).to_be_visible()
    await expect(queued(page)).to_have_count(1)
    assert await page.locator(".entry").count() == 3, "the prompt, the ending and the words"


async def test_thousands_of_events_leave_the_page_quick(inside, scripted):
    scripted.stand(task_pb2.TASK_STATUS_RUNNING)
    work(scripted, range(1500))
    page = await scripted.opened(inside)
    await expect(said(page).last).to_have_text("Words 1499.")
    assert await at_end(page)
    assert await page.locator(".entry").count() <= 400

    work(scripted, range(1500, 2000))
    await expect(said(page).last).to_have_text("Words 1999.")
    assert await page.locator(".entry").count() <= 400
    answered_ms = await page.evaluate(
        "async () => { const began = performance.now(); await new Promise(requestAnimationFrame); "
        "return performance.now() - began; }"
    )
    assert answered_ms < 1000

    shown = await page.locator(".entry").count()
    await page.get_by_role("button", name=re.compile(r"^Show earlier: [\d,]+ entries")).click()
    await expect(page.locator(".entry")).to_have_count(shown + 200)


async def test_whoever_reads_above_the_end_is_left_there(page, scripted):
    for number in range(30):
        scripted.say(f"msg_{number:02}", f"Words {number}.\n\nMore.")
    await expect(said(page).last).to_contain_text("Words 29.")
    assert await at_end(page)

    await page.evaluate("window.scrollTo(0, 200)")
    await expect(page.get_by_role("button", name="To the newest")).to_be_visible()
    scripted.say("msg_30", "Unseen.")
    await expect(said(page).last).to_contain_text("Unseen.")
    assert await page.evaluate("window.scrollY") == 200

    await page.get_by_role("button", name="To the newest").click()
    await expect(page.get_by_role("button", name="To the newest")).to_be_hidden()
    assert await at_end(page)
