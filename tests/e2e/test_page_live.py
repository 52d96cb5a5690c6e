"""The page shows a task's history as it happens, also what is seldom or comes late."""

import json
import re

import pytest
from playwright.async_api import expect

from errand.v1 import event_pb2 as pb
from errand.v1 import task_pb2
from errand_common.errors import Exhausted
from errand_common.wire import duration
from tests.e2e.scripted import PROMPT, TASK, queued, said, tools

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRICED = task_pb2.Usage(input_tokens=900, cache_read_tokens=100, output_tokens=20, cost_nanodollars=12_300_000)


async def test_words_come_as_they_are_said_and_give_way_to_the_message(page, scripted):
    scripted.murmur("msg_1", "I should look first.", pb.DELTA_KIND_THINKING)
    await expect(said(page)).to_contain_text("Thinking…")
    await expect(said(page).locator(".thoughts")).to_have_text("I should look first.")

    scripted.murmur("msg_1", "I wi")
    scripted.murmur("msg_1", "ll lo")
    await expect(said(page).locator(".prose")).to_have_text("I will lo")
    await expect(said(page).locator(".thoughts")).to_be_hidden()

    scripted.say("msg_1", "I will look.")
    await expect(said(page).locator(".prose")).to_have_text("I will look.")
    await said(page).get_by_text("Thoughts", exact=True).click()
    await expect(said(page).locator(".thoughts")).to_be_visible()
    await expect(page.locator("#announcer")).to_have_text("Claude: I will look.")


async def test_words_of_a_reply_that_broke_are_taken_back(page, scripted):
    scripted.murmur("msg_1", "These words are void.")
    await expect(said(page)).to_have_text(re.compile("void"))

    delayed = pb.ModelDelayed(reason="overloaded", delay=duration(2.0))
    scripted.happen(model_delayed=delayed)
    scripted.happen(model_delayed=delayed)

    await expect(said(page)).to_have_count(0)
    await expect(page.locator(".delay")).to_have_text(
        "Waiting for Claude: overloaded. Again after 2.0 s, 2 times so far."
    )


@pytest.mark.parametrize("is_heard", [True, False])
async def test_words_that_a_person_broke_off_stay_and_are_marked(page, scripted, is_heard):
    if is_heard:
        scripted.murmur("msg_1", "I was about to say")
        await expect(said(page)).to_have_text(re.compile("about to say"))

    usage = task_pb2.Usage(output_tokens=5)
    scripted.happen(
        reply_dropped=pb.ReplyDropped(message_id="msg_1", usage=usage, summary="I was about", is_estimate=True)
    )

    expected = "I was about to say" if is_heard else "I was about"
    await expect(said(page)).to_have_text(f"{expected}Broken off here: Claude does not remember this.")
    await expect(said(page)).not_to_have_class(re.compile("live"))


async def test_another_model_that_goes_on_is_told_and_shown(page, scripted):
    scripted.happen(prefix_frozen=pb.PrefixFrozen(model="claude-a"))
    scripted.happen(model_changed=pb.ModelChanged(model="claude-b", replaced_model="claude-a", reason="it declined"))

    await expect(page.get_by_text("claude-b goes on in place of claude-a: it declined")).to_be_visible()
    await page.get_by_text("Details").click()
    await expect(page.locator(".facts dd").filter(has_text="claude-b")).to_be_visible()


async def test_output_comes_as_it_is_written_and_its_end_stays(page, scripted):
    # Pieces on their way may overtake the stored start of what they belong to.
    scripted.murmur("toolu_1", "line 1\n", pb.DELTA_KIND_OUTPUT)
    scripted.begin_tool("toolu_1", "make test")
    await expect(tools(page).locator(".tail")).to_have_text("line 1")

    for number in range(2, 31):
        scripted.murmur("toolu_1", f"line {number}\n", pb.DELTA_KIND_OUTPUT)
    await expect(tools(page).locator(".tail")).to_have_text("\n".join(f"line {number}" for number in range(23, 31)))
    await expect(tools(page)).to_have_attribute("data-state", "running")

    finished = pb.ToolCallFinished(
        tool_call_id="toolu_1", tool_name="bash", summary="boom\n[exit code 2 after 0.2 s]", duration=duration(0.25)
    )
    scripted.happen(tool_call_finished=finished)
    await expect(tools(page)).to_contain_text("exit 2 · 0.3 s")
    await expect(tools(page).locator(".tail")).to_have_text("boom")


async def test_newer_words_that_overtake_a_message_stay_behind_it(page, scripted):
    scripted.murmur("msg_1", "First")
    scripted.murmur("msg_2", "Second")
    scripted.say("msg_1", "First.")
    scripted.begin_tool("toolu_1", "true")
    scripted.end_tool("toolu_1", "(no output)\n[exit code 0 after 0.0 s]")
    scripted.murmur("msg_2", " thing")

    await expect(page.locator(".entry:not(.written, .steps)")).to_have_text(
        ["First.", re.compile(r"\$ true0\.3 s"), "Second thing"]
    )


async def test_a_long_message_is_read_whole(page, scripted):
    words = "All of it: " + "word " * 400 + "the end."
    blocks = [{"type": "thinking", "thinking": "Long thoughts."}, {"type": "text", "text": words}]
    scripted.scheduler.messages = [
        task_pb2.Message(message_id="msg_1", task_id=TASK, content=json.dumps(blocks).encode())
    ]

    scripted.say("msg_1", f"{words[:1021]}…")

    await expect(said(page)).to_contain_text("the end.")
    await expect(said(page).get_by_text("Thoughts", exact=True)).to_be_visible()


async def test_a_long_message_that_cannot_be_read_says_so_and_is_tried_again(page, scripted):
    scripted.scheduler.refusals["ListMessages"] = Exhausted("too much at once")
    scripted.say("msg_1", "word " * 204 + "…")
    await expect(said(page)).to_contain_text("The rest could not be read: too much at once")

    del scripted.scheduler.refusals["ListMessages"]
    content = json.dumps([{"type": "text", "text": "word " * 204 + "and the rest"}]).encode()
    scripted.scheduler.messages = [task_pb2.Message(message_id="msg_1", task_id=TASK, content=content)]
    await said(page).get_by_role("button", name="Try again").click()
    await expect(said(page)).to_contain_text("and the rest")


async def test_thoughts_of_long_ago_are_read_when_somebody_asks(page, scripted):
    blocks = [{"type": "thinking", "thinking": "Ponder."}, {"type": "text", "text": "Done."}]
    scripted.scheduler.messages = [
        task_pb2.Message(message_id="msg_1", task_id=TASK, content=json.dumps(blocks).encode())
    ]
    scripted.say("msg_1", "Done.")
    await expect(said(page)).to_have_text("Done.")

    await page.get_by_text("Details").click()
    await page.get_by_role("button", name="Show Claude's thoughts").click()

    await expect(said(page).locator(".thoughts")).to_have_text("Ponder.")


async def test_what_was_read_stands_where_it_was_read(page, scripted):
    scripted.add_input("inp_1", "Queued words")
    scripted.add_input("inp_2", "Steering words", task_pb2.INPUT_KIND_STEER)
    scripted.say("msg_1", "Said before.")
    scripted.take_inputs("inp_1", "inp_2")

    await expect(page.locator(".entry:not(.steps)")).to_have_text(
        [PROMPT, "Said before.", "Queued words", "Steering wordsSteered"]
    )
    await expect(queued(page)).to_have_count(0)


async def test_everything_that_happens_is_told(page, scripted, inside):
    scripted.happen(prefix_frozen=pb.PrefixFrozen(model="claude-of-today"))
    scripted.happen(step_finished=pb.StepFinished(step=pb.STEP_CLONE, duration=duration(1.25)))
    scripted.happen(git_delayed=pb.GitDelayed(reason="github.com refused", delay=duration(30.0)))
    scripted.happen(attempt_phase_changed=pb.AttemptPhaseChanged(phase=task_pb2.ATTEMPT_PHASE_LOST, reason="silent"))
    scripted.say("msg_1", "Done.", usage=PRICED)
    diff = task_pb2.DiffStat(files=2, insertions=1500, deletions=1)
    scripted.happen(branch_pushed=pb.BranchPushed(branch="errand/tsk_1", commit="c0ffee" * 6, diff_stat=diff))
    scripted.happen(pull_request_opened=pb.PullRequestOpened(url="https://github.com/ada/engine/pull/7", number=7))
    failed = pb.TaskStatusChanged(
        status=task_pb2.TASK_STATUS_FAILED,
        status_reason="the key was refused (401); set a valid ANTHROPIC_API_KEY",
        failure_reason=task_pb2.FAILURE_REASON_MODEL_AUTH,
    )
    scripted.happen(task_status_changed=failed)

    for words in (
        "clone 1.3 s",
        "Waiting for git: github.com refused. Again after 30 s.",
        "The runner was lost: silent",
        "Pushed errand/tsk_1 at c0ffeec0ff",
        "2 files +1,500 −1",
        "Claude refused the key",
        "the key was refused (401); set a valid ANTHROPIC_API_KEY",
        "$0.0123",
    ):
        await expect(page.locator(".entries")).to_contain_text(words)
    await expect(page.get_by_role("link", name="Pull request #7")).to_have_attribute(
        "href", "https://github.com/ada/engine/pull/7"
    )
    await expect(page.locator("#announcer")).to_contain_text("Claude refused the key. the key was refused")
    await page.get_by_text("Details").click()
    await expect(page.locator(".facts dl")).to_contain_text("claude-of-today")
    await expect(page.locator(".facts dl")).to_contain_text("1,000 in (100 from the cache), 20 out")
    await inside.fits()


def todo(*states):
    items = [pb.TodoItem(text=f"Point {number}", state=state) for number, state in enumerate(states, 1)]
    return pb.TodoChanged(tool_call_id="toolu_todo", items=items)


async def test_what_claude_has_to_do_stands_where_it_last_changed(page, scripted, inside):
    pending, in_progress, done = pb.TODO_STATE_PENDING, pb.TODO_STATE_IN_PROGRESS, pb.TODO_STATE_DONE
    scripted.begin_tool("toolu_todo", "{}", "todo")
    scripted.happen(todo_changed=todo(in_progress, pending))
    scripted.end_tool("toolu_todo", "Written down", "todo")
    scripted.say("msg_1", "I will look.")
    scripted.happen(todo_changed=todo(done, in_progress))

    points = page.locator(".todo li")
    await expect(points).to_have_text(["Point 1, done", "Point 2, under way"])
    await expect(page.locator(".entries > *").last).to_contain_text("To do: 1 of 2 done")
    await expect(tools(page)).to_have_count(0)
    await inside.fits()

    scripted.happen(todo_changed=pb.TodoChanged(tool_call_id="toolu_2"))
    await expect(points).to_have_count(0)
