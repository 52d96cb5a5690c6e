"""The settings of a project, and how a task gets ready, on a narrow phone."""

import pytest
from playwright.async_api import expect

from errand.v1 import event_pb2 as pb
from errand.v1 import task_pb2
from errand_common.errors import Invalid
from errand_common.wire import duration
from tests.e2e.scripted import PROMPT

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def settings(inside):
    """The settings of the scripted task's project, by the way that a person goes."""
    page = inside.page
    await page.get_by_role("link", name=PROMPT).click()
    await page.get_by_text("Details").click()
    await page.get_by_role("link", name="Project settings").click()
    await expect(page.get_by_role("heading", name="ada/engine")).to_be_visible()
    return page


def save(page):
    return page.get_by_role("button", name="Save")


async def test_settings_are_changed_and_only_what_was_changed_is_sent(scripted, inside):
    page = await settings(inside)
    await expect(save(page)).to_be_disabled()
    await page.get_by_label("Image").fill(" node:22 ")
    await save(page).click()
    await expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    await expect(save(page)).to_be_disabled()
    await page.get_by_label("Setup script").fill("npm ci\nmake")
    await save(page).click()
    await expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()

    await page.get_by_label("Other repositories to read").fill(" ada/notes\nada/lib ")
    await save(page).click()
    await expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()

    await page.get_by_label("Check", exact=True).fill("npm test")
    await save(page).click()
    await expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()

    first, second, third, fourth = [call.request for call in scripted.scheduler.asked("UpdateProject")]
    assert (first.image, first.HasField("setup_script")) == ("node:22", False)
    assert (second.setup_script, second.HasField("image")) == ("npm ci\nmake", False)
    assert (list(third.read_repositories.repositories), third.HasField("image")) == (["ada/notes", "ada/lib"], False)
    assert fourth.check == task_pb2.Check(script="npm test", limit_duration=duration(900.0))
    assert first.request_id != second.request_id
    await inside.fits()


async def test_what_is_set_is_shown_and_can_be_taken_away(scripted, inside):
    scripted.scheduler.project_settings.update(image="node:22", setup_script="npm ci", read_repositories=["ada/notes"])
    page = await settings(inside)
    await expect(page.get_by_label("Image")).to_have_value("node:22")
    await expect(page.get_by_label("Setup script")).to_have_value("npm ci")
    await expect(page.get_by_label("Other repositories to read")).to_have_value("ada/notes")
    await page.get_by_label("Image").fill("")
    await save(page).click()
    await expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()

    (sent,) = [call.request for call in scripted.scheduler.asked("UpdateProject")]
    assert sent.HasField("image")
    assert sent.image == ""


async def test_a_model_is_chosen_for_the_project(scripted, inside):
    page = await settings(inside)
    await page.get_by_label("Model").fill("claude-opus-5-5")
    await page.get_by_label("Effort").select_option("High")
    await page.get_by_label("Open pull requests as drafts").check()
    await save(page).click()
    await expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    await expect(save(page)).to_be_disabled()

    (sent,) = [call.request for call in scripted.scheduler.asked("UpdateProject")]
    assert (sent.model_choice.model, sent.model_choice.effort) == ("claude-opus-5-5", task_pb2.EFFORT_HIGH)
    assert sent.draft_pull_requests
    assert not sent.HasField("image")
    await inside.fits()


async def test_a_refusal_is_told_and_nothing_typed_is_lost(scripted, inside):
    page = await settings(inside)
    scripted.scheduler.refusals["UpdateProject"] = Invalid('image "no de" is no name of an image')
    await page.get_by_label("Image").fill("no de")
    await save(page).click()
    await expect(page.get_by_role("alert")).to_contain_text("is no name of an image")
    await expect(page.get_by_label("Image")).to_have_value("no de")
    await expect(save(page)).to_be_enabled()


def starting(scripted, step_id, step):
    scripted.happen(step_started=pb.StepStarted(step_id=step_id, step=step))


async def test_a_step_shows_its_last_lines_until_it_ends(page, scripted):
    phase = pb.AttemptPhaseChanged(phase=task_pb2.ATTEMPT_PHASE_STARTING)
    scripted.happen(attempt_phase_changed=phase)
    starting(scripted, "stp_1", pb.STEP_PULL)
    scripted.murmur("stp_1", "".join(f"{number} of 9 layers\n" for number in range(9)), pb.DELTA_KIND_STEP)
    step = page.get_by_role("article", name="Getting the image")
    await expect(step.locator(".tail")).to_have_text("5 of 9 layers\n6 of 9 layers\n7 of 9 layers\n8 of 9 layers")
    await expect(step.locator(".state")).to_contain_text("h")
    await expect(page.locator(".activity")).to_have_text("")

    finished = pb.StepFinished(step_id="stp_1", step=pb.STEP_PULL, duration=duration(12.0))
    scripted.happen(step_finished=finished)
    await expect(step).to_have_count(0)
    await expect(page.locator(".steps").last).to_have_text("first word 0.5 simage 12 s")


async def test_steps_stand_together_whatever_is_told_between_them(page, scripted):
    scripted.happen(push_limited=pb.PushLimited(summary="no workflows"))
    await expect(page.locator(".entry").last).to_contain_text("no workflows")
    scripted.happen(step_finished=pb.StepFinished(step=pb.STEP_CLONE, duration=duration(1.0)))
    await expect(page.locator(".steps")).to_have_text("first word 0.5 sclone 1.0 s")


async def test_a_setup_that_failed_keeps_its_last_words(page, scripted):
    starting(scripted, "stp_1", pb.STEP_SETUP)
    scripted.murmur("stp_1", "no such tool\n", pb.DELTA_KIND_STEP)
    step = page.get_by_role("article", name="Running the setup script")
    await expect(step.locator(".tail")).to_have_text("no such tool")
    failed = pb.TaskStatusChanged(
        status=task_pb2.TASK_STATUS_FAILED,
        status_reason="the setup script failed: exit code 1",
        failure_reason=task_pb2.FAILURE_REASON_SETUP,
    )
    scripted.happen(task_status_changed=failed)
    await expect(step.locator(".state")).to_have_text("not finished")
    await expect(step.locator(".tail")).to_have_text("no such tool")
    await expect(page.locator(".entry.ending")).to_contain_text("The setup script failed")


async def test_a_step_that_is_begun_anew_stands_once(page, scripted):
    starting(scripted, "stp_1", pb.STEP_CLONE)
    await expect(page.get_by_role("article", name="Cloning the repository")).to_have_count(1)
    starting(scripted, "stp_2", pb.STEP_CLONE)
    scripted.murmur("stp_2", "again\n", pb.DELTA_KIND_STEP)
    step = page.get_by_role("article", name="Cloning the repository")
    await expect(step).to_have_count(1)
    await expect(step.locator(".tail")).to_have_text("again")


async def test_who_comes_in_the_middle_of_a_step_sees_how_far_it_is(inside, scripted):
    scripted.stand(task_pb2.TASK_STATUS_RUNNING)
    starting(scripted, "stp_1", pb.STEP_CLONE)
    scripted.goes_on("stp_1", "Receiving objects: 70%\n", pb.DELTA_KIND_STEP, offset=900)
    page = await scripted.opened(inside)
    step = page.get_by_role("article", name="Cloning the repository")
    await expect(step.locator(".tail")).to_have_text("…\nReceiving objects: 70%")
