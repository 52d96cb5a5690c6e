"""Whoever comes late sees what goes on at once: nothing of it twice, and a mark where some of it is missing."""

import pytest
from playwright.async_api import expect

from errand.v1 import event_pb2 as pb
from errand.v1 import task_pb2
from errand_common.errors import Unavailable
from tests.e2e.scripted import said, tools

pytestmark = pytest.mark.asyncio(loop_scope="module")


def prose(page):
    return said(page).last.locator(".prose")


async def open_again(scripted):
    """The page's watch is cut off, and opened again."""
    history = scripted.scheduler.history
    await history.watchers(1)
    history.fail_watchers(Unavailable("a new release"))
    await history.watchers(0)
    await history.watchers(1)


async def test_who_comes_late_sees_the_open_words_thoughts_and_output_at_once(inside, scripted):
    scripted.stand(task_pb2.TASK_STATUS_RUNNING)
    scripted.begin_tool("toolu_1", "make test")
    scripted.goes_on("toolu_1", "line 1\nline 2\n", pb.DELTA_KIND_OUTPUT)
    scripted.goes_on("msg_1", "I should look.", pb.DELTA_KIND_THINKING)
    scripted.goes_on("msg_1", "I look")

    page = await scripted.opened(inside)

    await expect(prose(page)).to_have_text("I look")
    await expect(said(page).locator(".thoughts")).to_have_text("I should look.")
    await expect(tools(page).locator(".tail")).to_have_text("line 1\nline 2")
    scripted.murmur("msg_1", " at it.", offset=6)
    await expect(prose(page)).to_have_text("I look at it.")
    await inside.fits()


async def test_of_what_is_long_the_end_is_shown_as_an_end(inside, scripted):
    scripted.stand(task_pb2.TASK_STATUS_RUNNING)
    scripted.begin_tool("toolu_1", "make test")
    scripted.goes_on("toolu_1", "line 99\n", pb.DELTA_KIND_OUTPUT, offset=700)
    scripted.goes_on("msg_1", "the end", offset=20_000)

    page = await scripted.opened(inside)

    await expect(prose(page)).to_have_text("… the end")
    await expect(tools(page).locator(".tail")).to_have_text("…\nline 99")


async def test_a_piece_that_is_missing_is_seen_once_and_none_is_shown_twice(page, scripted):
    scripted.murmur("msg_1", "One 🦊")
    scripted.murmur("msg_1", " two", offset=5)
    # Code points are counted, not what a browser's strings are made of.
    await expect(prose(page)).to_have_text("One 🦊 two")

    scripted.murmur("msg_1", "two three", offset=6)
    scripted.murmur("msg_1", "two", offset=6)
    await expect(prose(page)).to_have_text("One 🦊 two three")

    scripted.murmur("msg_1", "five", offset=20)
    scripted.murmur("msg_1", " six", offset=24)
    await expect(prose(page)).to_have_text("One 🦊 two three … five six")

    scripted.begin_tool("toolu_1", "make test")
    scripted.murmur("toolu_1", "begun", pb.DELTA_KIND_OUTPUT)
    scripted.murmur("toolu_1", "done", pb.DELTA_KIND_OUTPUT, offset=90)
    await expect(tools(page).locator(".tail")).to_have_text("begun\n…\ndone")


async def test_a_piece_from_the_middle_begins_with_what_is_missing(page, scripted):
    scripted.murmur("msg_1", "the middle", offset=100)

    await expect(prose(page)).to_have_text("… the middle")


async def test_who_was_cut_off_reads_on_without_a_gap_or_a_word_twice(page, scripted):
    scripted.murmur("msg_1", "Heard before")
    await expect(prose(page)).to_have_text("Heard before")
    scripted.goes_on("msg_1", "Heard before, missed meanwhile")

    await open_again(scripted)

    await expect(prose(page)).to_have_text("Heard before, missed meanwhile")
    scripted.murmur("msg_1", " and heard after.", offset=30)
    await expect(prose(page)).to_have_text("Heard before, missed meanwhile and heard after.")
    await expect(said(page)).to_have_count(1)

    scripted.say("msg_1", "All of it.")
    await expect(prose(page)).to_have_text("All of it.")


async def test_of_what_went_on_for_long_meanwhile_the_end_replaces_the_beginning(page, scripted):
    scripted.murmur("msg_1", "The beginning")
    await expect(prose(page)).to_have_text("The beginning")
    scripted.goes_on("msg_1", "the end", offset=20_000)

    await open_again(scripted)

    await expect(prose(page)).to_have_text("… the end")


async def test_what_is_stored_already_is_not_taken_back_by_what_goes_on(page, scripted):
    scripted.say("msg_1", "All of it.")
    scripted.goes_on("msg_1", "All o")
    await open_again(scripted)
    scripted.murmur("msg_2", "Next")

    await expect(said(page)).to_have_text(["All of it.", "Next"])


async def test_thoughts_with_a_hole_are_read_whole_when_somebody_asks(page, scripted):
    scripted.murmur("msg_1", "the end of it", pb.DELTA_KIND_THINKING, offset=50)
    await expect(said(page).locator(".thoughts")).to_have_text("… the end of it")
    content = b'[{"type": "thinking", "thinking": "All that was thought."}, {"type": "text", "text": "Done."}]'
    scripted.scheduler.messages = [task_pb2.Message(message_id="msg_1", content=content)]
    scripted.say("msg_1", "Done.")

    await page.get_by_text("Details").click()
    await page.get_by_role("button", name="Show Claude's thoughts").click()

    await expect(said(page).locator(".thoughts")).to_have_text("All that was thought.")
