"""What a person asks of the page: done once, refused in the server's words, and nothing that was written is lost."""

import re

import pytest
from playwright.async_api import expect

from errand.v1 import task_pb2
from errand_common.errors import Exhausted, Unavailable
from tests.e2e.scripted import written

pytestmark = pytest.mark.asyncio(loop_scope="module")

TAPPED_TWICE = """button => {
    button.click();
    button.click();
    button.form.requestSubmit();
}"""


async def test_a_stop_that_is_refused_says_why_and_can_be_asked_again(page, scripted):
    scripted.scheduler.refusals["StopTask"] = Unavailable("the scheduler restarts; try again")

    await page.get_by_role("button", name="Stop").click()

    await expect(page.get_by_role("alert")).to_have_text("the scheduler restarts; try again")
    await expect(page.get_by_role("button", name="Stop")).to_be_enabled()


async def test_words_that_are_refused_stay_in_the_box(page, scripted):
    scripted.scheduler.refusals["AddInput"] = Exhausted("too many inputs; wait a minute")
    box = page.get_by_label("Tell Claude something")
    await box.fill("Mind the gap.")
    await page.get_by_role("button", name="Steer now").click()
    await expect(page.get_by_role("alert")).to_have_text("too many inputs; wait a minute")

    await page.reload()
    await expect(box).to_have_value("Mind the gap.")
    del scripted.scheduler.refusals["AddInput"]
    await box.press("Control+Enter")

    await expect(box).to_have_value("")
    calls = scripted.scheduler.asked("AddInput")
    assert {(call.request.text, call.request.kind) for call in calls} == {("Mind the gap.", task_pb2.INPUT_KIND_STEER)}
    assert len({call.request.request_id for call in calls}) == 1


async def test_a_task_that_is_not_there_is_told(inside):
    await inside.page.evaluate("location.hash = '#/tasks/tsk_9'")

    await expect(inside.page.get_by_role("alert")).to_have_text("there is no task tsk_9")
    await inside.page.get_by_role("link", name="Back").click()
    await expect(inside.page.get_by_role("link", name="Do the thing.")).to_be_visible()


async def new_task_page(inside, prompt):
    page = inside.page
    await page.get_by_role("link", name="New task").click()
    await page.get_by_role("combobox", name="Repository").fill("ada/other")
    await page.get_by_role("option", name="ada/other as typed").click()
    await page.get_by_label("Prompt").fill(prompt)
    return page


async def test_a_double_tap_makes_one_task(inside, scripted):
    page = await new_task_page(inside, "Once only.")

    await page.get_by_role("button", name="Send").evaluate(TAPPED_TWICE)

    await expect(written(page)).to_have_text("Once only.")
    assert len(scripted.scheduler.asked("CreateTask")) == 1


async def test_a_model_is_chosen_for_one_task(inside, scripted):
    page = await new_task_page(inside, "Think hard.")
    await page.get_by_text("Model", exact=True).first.click()
    await page.get_by_label("Model").fill("claude-opus-5-5")
    await page.get_by_label("Effort").select_option("All that it can")
    await inside.fits()

    await page.get_by_role("button", name="Send").click()

    await expect(written(page)).to_have_text("Think hard.")
    choice = scripted.scheduler.asked("CreateTask")[-1].request.model_choice
    assert (choice.model, choice.effort) == ("claude-opus-5-5", task_pb2.EFFORT_MAX)


async def test_an_answer_that_is_lost_costs_nothing(inside, scripted):
    async def lost(route):
        await route.fetch()
        await route.abort()

    await inside.page.route("**/v1/tasks", lost, times=2)
    page = await new_task_page(inside, "Sent into a tunnel.")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("alert")).to_contain_text("Errand does not answer")
    await page.reload()
    await expect(page.get_by_label("Prompt")).to_have_value("Sent into a tunnel.")
    await expect(page.get_by_role("combobox", name="Repository")).to_have_value("ada/other")
    await page.get_by_role("button", name="Send").click()

    await expect(written(page)).to_have_text("Sent into a tunnel.")
    calls = scripted.scheduler.asked("CreateTask")
    assert len(calls) == 3
    assert len({call.request.request_id for call in calls}) == 1
    await page.evaluate("location.hash = '#/new'")
    await expect(page.get_by_label("Prompt")).to_have_value("")


async def test_a_refusal_is_told_where_it_happened(inside, scripted):
    scripted.scheduler.refusals["CreateProject"] = Exhausted("you may not push to ada/other; ask its owner")
    page = await new_task_page(inside, "Try.")

    await page.get_by_role("button", name="Send").click()

    await expect(page.get_by_role("alert")).to_have_text("you may not push to ada/other; ask its owner")
    await expect(page.get_by_label("Prompt")).to_have_value("Try.")
    await inside.fits()


async def test_repositories_are_chosen_by_keyboard_and_those_of_others_not_at_all(inside):
    page = inside.page
    await page.get_by_role("link", name="New task").click()
    box = page.get_by_role("combobox", name="Repository")
    await box.focus()
    # The double's GitHub says that ada may not push to it.
    await expect(page.get_by_role("listbox").get_by_role("option")).to_have_text(
        re.compile("ada/engine.*you may not push to it")
    )
    await page.get_by_role("listbox").get_by_role("option").dispatch_event("click")
    await expect(box).to_have_value("")

    await box.fill("ada/en")
    await box.press("ArrowDown")
    await expect(box).to_have_attribute("aria-activedescendant", "repository-0")
    await box.press("ArrowDown")
    await expect(box).to_have_attribute("aria-activedescendant", "repository-1")
    await box.press("Enter")
    await expect(box).to_have_value("ada/en")
    await expect(page.get_by_role("listbox")).to_be_hidden()
    await inside.fits()


async def test_a_github_that_is_away_leaves_typing(inside, scripted):
    scripted.scheduler.refusals["ListRepositories"] = Unavailable("GitHub does not answer; try again")
    page = inside.page
    await page.get_by_role("link", name="New task").click()
    await page.get_by_role("combobox", name="Repository").fill("ada/other")

    await expect(page.get_by_text("GitHub does not answer; try again (a name can still be typed)")).to_be_visible()
    await expect(page.get_by_role("option", name="ada/other as typed")).to_be_visible()


async def test_a_gateway_without_its_scheduler_is_told_and_tried_again(handset, scripted):
    await scripted.scheduler.stop()
    await handset.carry(scripted.gateway.url, scripted.scheduler.new_session())
    await expect(handset.page.get_by_role("alert")).to_be_visible()
    await handset.fits()

    await scripted.scheduler.start()
    await scripted.gateway.ready()
    await handset.page.get_by_role("button", name="Try again").click()
    await expect(handset.page.get_by_role("link", name="Do the thing.")).to_be_visible()


async def test_a_page_that_came_in_part_is_loaded_again(handset, scripted):
    # Once when it is loaded ahead, once when it is imported.
    await handset.page.route("**/page/story.js", lambda route: route.abort(), times=2)
    await handset.page.goto(scripted.gateway.url)
    await expect(handset.page.get_by_text("make link")).to_be_visible()


async def test_a_page_that_never_comes_whole_says_so(handset, scripted):
    await handset.page.route("**/page/story.js", lambda route: route.abort())
    await handset.page.goto(scripted.gateway.url)
    await expect(handset.page.get_by_text("could not be loaded whole")).to_be_visible()
