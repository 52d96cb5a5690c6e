"""What was written and is not read yet: it stands above the box, and can be changed, said now, or taken back."""

import json

import pytest
from playwright.async_api import expect

from errand.v1 import event_pb2 as pb
from errand.v1 import task_pb2
from errand_common.errors import Conflict, Unavailable
from errand_common.values import summarise
from tests.e2e.scripted import TASK, foot_alert, queued, written

pytestmark = pytest.mark.asyncio(loop_scope="module")

STEER = task_pb2.INPUT_KIND_STEER
TAKEN = Conflict("input inp_1 was read already; add another", reason="INPUT_TAKEN")


def box(page):
    return queued(page).get_by_label("Change what is not read yet")


def changed(scripted, input_id, change, **fields):
    scripted.happen(input_changed=pb.InputChanged(input_id=input_id, change=change, **fields))


async def begin_editing(page, text):
    await queued(page).get_by_role("button", name="Edit").click()
    await expect(box(page)).to_be_focused()
    await box(page).fill(text)


async def test_what_is_not_read_yet_stands_above_the_box_until_it_is(page, inside, scripted):
    scripted.add_input("inp_1", "Queued words")
    scripted.add_input("inp_2", "Steering words", STEER)

    await expect(queued(page)).to_have_count(2)
    await expect(queued(page).first).to_contain_text("Queued wordsQueued: after this turn")
    await expect(queued(page).last).to_contain_text("Steering wordsSteers with the next step")
    await expect(queued(page).last.get_by_role("button", name="Say it now")).to_be_hidden()
    await inside.fits()

    scripted.take_inputs("inp_1", "inp_2")
    await expect(queued(page)).to_have_count(0)
    await expect(written(page)).to_have_count(3)


async def test_words_are_changed_in_place(page, inside, scripted):
    scripted.add_input("inp_1", "Use tabs")

    await begin_editing(page, "Use spaces")
    await inside.fits()
    await queued(page).get_by_role("button", name="Save").click()

    await expect(queued(page)).to_contain_text("Use spaces")
    await expect(queued(page).get_by_role("button", name="Edit")).to_be_focused()
    (call,) = scripted.scheduler.asked("EditInput")
    assert (call.request.input_id, call.request.text) == ("inp_1", "Use spaces")


async def test_a_change_is_left_with_escape_and_sent_from_the_keyboard(page, scripted):
    scripted.add_input("inp_1", "Use tabs")
    await begin_editing(page, "Void")
    await box(page).press("Escape")
    await expect(queued(page)).to_contain_text("Use tabs")
    assert scripted.scheduler.asked("EditInput") == []

    await begin_editing(page, "Use spaces")
    await box(page).press("Control+Enter")
    await expect(queued(page)).to_contain_text("Use spaces")


async def test_long_words_are_read_whole_before_they_are_changed(page, scripted):
    words = "word " * 300 + "the end"
    scripted.add_input("inp_1", words)

    await queued(page).get_by_role("button", name="Edit").click()

    await expect(box(page)).to_have_value(words)


async def test_what_waits_is_said_now(page, scripted):
    scripted.add_input("inp_1", "Mind the gap")

    await queued(page).get_by_role("button", name="Say it now").click()

    await expect(queued(page)).to_contain_text("Steers with the next step")
    assert [call.request.input_id for call in scripted.scheduler.asked("PromoteInput")] == ["inp_1"]


async def test_what_waits_is_taken_back(page, scripted):
    scripted.add_input("inp_1", "Never mind")
    scripted.add_input("inp_2", "Do mind")

    await queued(page).first.get_by_role("button", name="Take back").click()

    await expect(queued(page)).to_have_count(1)
    await expect(queued(page)).to_contain_text("Do mind")
    assert [call.request.input_id for call in scripted.scheduler.asked("RemoveInput")] == ["inp_1"]


async def test_what_another_phone_changes_is_seen(page, scripted):
    scripted.add_input("inp_1", "Use tabs")
    scripted.add_input("inp_2", "Never mind")
    changed(scripted, "inp_1", pb.INPUT_CHANGE_EDITED, summary="Use spaces", kind=task_pb2.INPUT_KIND_QUEUE)
    await expect(queued(page).first).to_contain_text("Use spacesQueued: after this turn")

    changed(scripted, "inp_1", pb.INPUT_CHANGE_PROMOTED, summary="Use spaces", kind=STEER)
    changed(scripted, "inp_2", pb.INPUT_CHANGE_REMOVED)

    await expect(queued(page)).to_have_count(1)
    await expect(queued(page)).to_contain_text("Use spacesSteers with the next step")


async def test_a_prompt_that_is_changed_before_it_is_read_is_shown_as_it_is(page, scripted):
    changed(scripted, "inp_0", pb.INPUT_CHANGE_EDITED, summary="Do another thing.", kind=task_pb2.INPUT_KIND_QUEUE)

    await expect(written(page)).to_have_text("Do another thing.")
    await expect(queued(page)).to_have_count(0)


async def test_a_long_prompt_that_was_changed_can_be_read_whole(page, scripted):
    words = "word " * 300 + "the end"
    changed(scripted, "inp_0", pb.INPUT_CHANGE_EDITED, summary=summarise(words), kind=task_pb2.INPUT_KIND_QUEUE)
    content = json.dumps([{"type": "text", "text": words}]).encode()
    scripted.scheduler.messages = [task_pb2.Message(message_id="msg_0", task_id=TASK, content=content)]
    taken = pb.MessageAppended(message_id="msg_0", role=task_pb2.ROLE_USER, input_ids=["inp_0"])
    scripted.happen(message_appended=taken)

    await written(page).get_by_role("button", name="Show all").click()
    await expect(written(page)).to_contain_text("the end")

    scripted.scheduler.tasks[TASK].prompt = words
    await page.reload()
    await written(page).get_by_role("button", name="Show all").click()
    await expect(written(page)).to_contain_text("the end")


async def test_too_late_is_told_kindly_and_the_list_read_anew(page, inside, scripted):
    scripted.add_input("inp_1", "Use tabs")
    scripted.add_input("inp_2", "Another")
    scripted.scheduler.refusals["PromoteInput"] = TAKEN
    await expect(queued(page)).to_have_count(2)
    scripted.scheduler.inputs["inp_1"].taken = True

    await queued(page).first.get_by_role("button", name="Say it now").click()

    await expect(foot_alert(page)).to_have_text("Claude has read this already, so it can no longer be changed.")
    await expect(queued(page)).to_have_count(1)
    await expect(queued(page)).to_contain_text("Another")
    await inside.fits()
    scripted.take_inputs("inp_1")
    await expect(written(page).last).to_have_text("Use tabs")


async def test_a_change_that_came_too_late_goes_into_the_box(page, scripted):
    scripted.add_input("inp_1", "Use tabs")
    scripted.scheduler.refusals["EditInput"] = TAKEN
    await begin_editing(page, "Use spaces")
    scripted.scheduler.inputs["inp_1"].taken = True

    await queued(page).get_by_role("button", name="Save").click()

    await expect(foot_alert(page)).to_contain_text("What you wrote instead is in the box below")
    await expect(queued(page)).to_have_count(0)
    await expect(page.get_by_label("Tell Claude something")).to_have_value("Use spaces")

    await page.get_by_role("button", name="Steer now").click()
    await expect(foot_alert(page)).to_be_hidden()


async def test_what_is_read_while_it_is_changed_keeps_the_change(page, scripted):
    scripted.add_input("inp_1", "Use tabs")
    await begin_editing(page, "Use spaces")

    scripted.take_inputs("inp_1")

    await expect(foot_alert(page)).to_contain_text("Claude has read this already")
    await expect(page.get_by_label("Tell Claude something")).to_have_value("Use spaces")
    await expect(written(page).last).to_have_text("Use tabs")


async def test_a_refusal_is_told_and_nothing_is_lost(page, scripted):
    scripted.add_input("inp_1", "Use tabs")
    scripted.scheduler.refusals["EditInput"] = Unavailable("the scheduler restarts; try again")
    await begin_editing(page, "Use spaces")

    await queued(page).get_by_role("button", name="Save").click()

    await expect(foot_alert(page)).to_have_text("the scheduler restarts; try again")
    await expect(box(page)).to_have_value("Use spaces")


async def test_many_that_wait_leave_room_for_the_story(page, inside, scripted):
    for number in range(40):
        scripted.add_input(f"inp_{number:02}", f"Words {number} " + "and more " * 40)

    await expect(queued(page)).to_have_count(40)
    await inside.fits()
    assert await page.evaluate("document.querySelector('.foot').offsetHeight / innerHeight") < 0.6
