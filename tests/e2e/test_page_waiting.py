"""A task that does not go on by itself: what it waits for, what each runner lacks, and the tap that sends it on."""

import json
import re

import pytest
from playwright.async_api import expect

from errand.v1 import event_pb2 as pb
from errand.v1 import task_pb2
from errand_common.errors import Conflict, Unavailable
from errand_common.wire import duration
from tests.e2e.scripted import TASK, foot_alert, pill, queued, tools, written
from tests.unit.gateway.scheduler_double import NOON_US

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = task_pb2.WAIT_REASON_QUESTION
ANSWER = "Your answer to Claude's question"


def question(page):
    return page.get_by_role("article", name="Question")


def choices(page):
    return question(page).get_by_role("group", name="Suggested answers").get_by_role("button")


async def ask(page, scripted, **others):
    scripted.begin_tool("toolu_1", "{}", "ask_user")
    asked = {"summary": "Which **database**?\n\n- `sqlite`\n- postgres", "choices": ["SQLite", "PostgreSQL"]}
    scripted.wait(reason=QUESTION, tool_call_id="toolu_1", **{**asked, **others})
    await expect(question(page)).to_be_visible()


def sent(scripted):
    return [(call.request.text, call.request.kind) for call in scripted.scheduler.asked("AddInput")]


async def test_a_question_is_asked_with_its_choices_and_a_tap_answers(page, inside, scripted):
    await ask(page, scripted)

    await expect(question(page).locator("strong")).to_have_text("database")
    await expect(question(page).locator("code")).to_have_text("sqlite")
    await expect(choices(page)).to_have_text(["SQLite", "PostgreSQL"])
    await expect(pill(page)).to_have_text("Waiting")
    await expect(page.locator("#announcer")).to_contain_text("Claude asks. Which **database**?")
    await expect(tools(page)).to_have_count(0)
    await inside.fits()

    await choices(page).nth(1).click()
    await scripted.asked("AddInput")
    assert sent(scripted) == [("PostgreSQL", task_pb2.INPUT_KIND_ANSWER)]


async def test_what_is_written_while_claude_asks_answers(page, scripted):
    await ask(page, scripted, choices=[])

    await page.get_by_label(ANSWER).fill("Neither.")
    await expect(page.get_by_placeholder(ANSWER)).to_be_visible()
    await page.get_by_role("button", name="Answer", exact=True).click()

    await expect(page.get_by_label(ANSWER)).to_have_value("")
    assert sent(scripted) == [("Neither.", task_pb2.INPUT_KIND_ANSWER)]
    await expect(page.get_by_role("button", name="Try now")).to_be_hidden()


async def test_an_answer_is_on_its_way_until_claude_goes_on(page, scripted):
    await ask(page, scripted)
    scripted.add_input("inp_1", "SQLite", task_pb2.INPUT_KIND_ANSWER)
    await expect(choices(page)).to_have_count(0)
    await expect(queued(page)).to_contain_text("Your answer")
    await expect(page.get_by_text("Your answer is on its way to Claude")).to_be_visible()

    scripted.happen(wait_ended=pb.WaitEnded(input_id="inp_1"))
    scripted.stand(task_pb2.TASK_STATUS_RUNNING)
    finished = pb.ToolCallFinished(tool_call_id="toolu_1", tool_name="ask_user", summary="SQLite")
    scripted.happen(tool_call_finished=finished)
    scripted.take_inputs("inp_1")

    await expect(written(page).last).to_have_text("SQLite")
    await expect(question(page)).to_contain_text("Claude asked")
    await expect(page.get_by_label("Tell Claude something")).to_be_visible()
    await expect(tools(page)).to_have_count(0)


async def test_an_answer_that_is_taken_back_leaves_the_question_open(page, scripted):
    await ask(page, scripted)
    scripted.add_input("inp_1", "SQLite", task_pb2.INPUT_KIND_ANSWER)
    await expect(choices(page)).to_have_count(0)

    scripted.happen(input_changed=pb.InputChanged(input_id="inp_1", change=pb.INPUT_CHANGE_REMOVED))

    await expect(choices(page)).to_have_count(2)


async def test_a_question_that_another_attempt_asks_again_stands_once(page, scripted):
    await ask(page, scripted)
    scripted.stand(task_pb2.TASK_STATUS_PENDING)
    scripted.stand(task_pb2.TASK_STATUS_RUNNING)
    await expect(choices(page)).to_have_count(0)

    scripted.wait(reason=QUESTION, tool_call_id="toolu_1", summary="Which?", choices=["SQLite", "PostgreSQL"])

    await expect(choices(page)).to_have_count(2)
    await expect(question(page)).to_have_count(1)


async def test_a_long_question_and_its_choices_are_read_whole(page, scripted):
    words, choice = "Which " + "way " * 300 + "then?", "left " * 50 + "at last"
    asked = json.dumps({"question": words, "choices": [choice]}).encode()
    call = task_pb2.ToolCall(tool_call_id="toolu_1", tool_name="ask_user", input=asked)
    scripted.scheduler.tool_calls = [call]

    await ask(page, scripted, summary=f"{words[:1020]}…", choices=[f"{choice[:190]}…"])

    await expect(question(page)).to_contain_text("then?")
    await expect(choices(page)).to_have_text([choice])


async def test_an_answer_that_is_refused_says_why_and_can_be_given_again(page, scripted):
    await ask(page, scripted)
    scripted.scheduler.refusals["AddInput"] = Unavailable("the scheduler restarts; try again")
    await choices(page).first.click()
    await expect(question(page).get_by_role("alert")).to_have_text("the scheduler restarts; try again")

    del scripted.scheduler.refusals["AddInput"]
    await choices(page).first.click()

    await expect(question(page).get_by_role("alert")).to_be_hidden()
    keys = {call.request.request_id for call in scripted.scheduler.asked("AddInput")}
    assert len(keys) == 1


async def test_a_question_in_no_form_that_can_be_asked_is_a_failed_call(page, scripted):
    scripted.begin_tool("toolu_1", "{}", "ask_user")
    failed = pb.ToolCallFinished(tool_call_id="toolu_1", tool_name="ask_user", summary="no question", is_error=True)
    scripted.happen(tool_call_finished=failed)

    await expect(page.get_by_role("article", name="Tool ask_user")).to_contain_text("no question")


async def test_a_wait_for_a_quota_says_when_it_goes_on_and_can_be_cut_short(page, inside, scripted):
    scripted.wait(
        reason=task_pb2.WAIT_REASON_QUOTA, summary="the limit of the hour is reached", resume_duration=duration(1500.0)
    )
    when = await page.evaluate(
        "time => new Date(time).toLocaleTimeString(undefined, { hour: 'numeric', minute: '2-digit' })",
        NOON_US / 1000 + 1_500_000,
    )
    waits = page.get_by_role("article", name="Waiting")
    await expect(waits).to_contain_text("Claude takes no more for now: the limit of the hour is reached.")
    await expect(waits).to_contain_text("It goes on by itself: ")
    await expect(waits).to_contain_text(when)
    await inside.fits()

    await page.get_by_role("button", name="Try now").click()
    await scripted.asked("RetryTask")
    assert [call.request.task_id for call in scripted.scheduler.asked("RetryTask")] == [TASK]
    scripted.happen(task_retried=pb.TaskRetried())
    await expect(page.get_by_role("button", name="Try now")).to_be_disabled()
    await expect(page.get_by_text("It goes on in a moment")).to_be_visible()

    scripted.happen(wait_ended=pb.WaitEnded())
    scripted.stand(task_pb2.TASK_STATUS_RUNNING)
    await expect(waits).to_have_text("Claude took no more: the limit of the hour is reached.")
    await expect(page.locator(".quiet").last).to_have_text("Goes on")


async def test_a_spent_allowance_is_told_and_the_task_sent_on(page, scripted):
    scripted.wait(reason=task_pb2.WAIT_REASON_ALLOWANCE, summary="$5 of $5")

    await expect(page.get_by_role("article", name="Waiting")).to_have_text(
        "The allowance is spent: $5 of $5. Raise it, then send the task on."
    )
    await page.get_by_role("button", name="Send on").click()
    await scripted.asked("RetryTask")


@pytest.mark.parametrize("status", [task_pb2.TASK_STATUS_FAILED, task_pb2.TASK_STATUS_CANCELLED])
async def test_what_failed_or_was_stopped_is_tried_again_with_one_tap(page, inside, scripted, status):
    scripted.stand(status)
    scripted.scheduler.refusals["RetryTask"] = Conflict("its record was deleted; create a new task")
    await page.get_by_label("What should happen next?").fill("Mind the gap.")
    await inside.fits()
    await page.get_by_role("button", name="Try again").click()
    await expect(foot_alert(page)).to_have_text("its record was deleted; create a new task")

    del scripted.scheduler.refusals["RetryTask"]
    await page.get_by_role("button", name="Try again").click()
    await expect(foot_alert(page)).to_be_hidden()
    scripted.happen(task_retried=pb.TaskRetried())
    scripted.stand(task_pb2.TASK_STATUS_PENDING)

    await expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    await expect(page.locator(".quiet")).to_have_text("Sent on")
    await expect(page.get_by_label("Add something")).to_have_value("Mind the gap.")
    assert len(scripted.scheduler.asked("RetryTask")) == 2


async def test_an_address_in_the_words_of_a_failure_is_a_link_and_no_token_is_in_one(page, inside, scripted):
    where = "https://github.com/octo/demo/compare/main...errand/tsk_1?expand=1"
    secret = f"https://github.com/?token=ghp_{'a' * 36}"
    reason = f"no pull request was opened: open it yourself at {where}; see {secret}, or <b>ask</b>"
    failed = pb.TaskStatusChanged(
        status=task_pb2.TASK_STATUS_FAILED,
        status_reason=reason,
        failure_reason=task_pb2.FAILURE_REASON_PULL_REQUEST,
    )
    scripted.happen(task_status_changed=failed)

    why = page.locator(".ending .why")
    await expect(why).to_have_text(reason.replace("ghp_" + "a" * 36, "[masked]"))
    await expect(why.get_by_role("link")).to_have_count(1)
    link = why.get_by_role("link", name=where)
    assert await link.get_attribute("href") == where
    assert await link.get_attribute("rel") == "noopener noreferrer"
    await inside.fits()


async def test_what_is_completed_is_not_tried_again(page, scripted):
    scripted.stand(task_pb2.TASK_STATUS_COMPLETED)

    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    await expect(page.get_by_role("button", name="Try again")).to_be_hidden()


def pend(scripted, reason):
    changed = pb.TaskStatusChanged(status=task_pb2.TASK_STATUS_PENDING, status_reason=reason)
    scripted.happen(task_status_changed=changed)


async def test_a_task_without_a_runner_says_why_and_what_each_one_lacks(page, inside, scripted):
    for number in range(20):
        scripted.say(f"msg_{number:02}", "Said before.\n\nAt length.")
    pend(scripted, "every runner is busy")
    await expect(page.locator(".activity")).to_have_text("Waiting for a runner: every runner is busy")

    await page.get_by_text("Why?").click()
    told = page.locator(".obstacles")
    await expect(told).to_contain_text("Every slot is taken.")
    await expect(told).to_contain_text("2 tasks of yours before it.")
    await expect(told.locator("dt")).to_have_text(["local"])
    await expect(told.locator("dd")).to_have_text(["it has no free slot"])
    await expect(told.locator("dd")).to_be_in_viewport()
    below = "[...document.querySelectorAll('dd, .foot')].map(node => Math.round(node.getBoundingClientRect().top))"
    last, foot = (await page.evaluate(below))[-2:]
    assert last < foot, "what is told is not under the box"
    await inside.fits()

    scripted.scheduler.refusals["ExplainPending"] = Unavailable("the scheduler restarts; try again")
    pend(scripted, "no runner is connected")
    await expect(told).to_contain_text("the scheduler restarts; try again")

    scripted.stand(task_pb2.TASK_STATUS_RUNNING)
    await expect(page.get_by_text("Why?")).to_be_hidden()


async def test_what_happens_at_the_edge_is_told_quietly(page, inside, scripted):
    scripted.happen(attempt_frozen=pb.AttemptFrozen())
    await expect(page.locator(".activity")).to_have_text("Paused until Errand hears of the host again")
    scripted.happen(attempt_thawed=pb.AttemptThawed(frozen_duration=duration(12.0)))
    scripted.happen(attempt_frozen=pb.AttemptFrozen(reason="the disk of its host is nearly full"))
    await expect(page.locator(".activity")).to_have_text("Paused: the disk of its host is nearly full")
    scripted.happen(attempt_thawed=pb.AttemptThawed(frozen_duration=duration(15.0)))
    scripted.murmur("msg_1", "Void words")
    await expect(page.get_by_text("Void words")).to_be_visible()
    scripted.happen(sandbox_adopted=pb.SandboxAdopted(sandbox_id="sbx_1"))
    await expect(page.get_by_text("Void words")).to_have_count(0)
    scripted.happen(engine_away=pb.EngineAway(reason="no answer", patience_duration=duration(900.0)))
    scripted.happen(sandbox_replaced=pb.SandboxReplaced(sandbox_id="sbx_2", reason="it ended"))
    scripted.happen(log_gap=pb.LogGap(tool_call_id="toolu_1", dropped_bytes=1_234_567))
    scripted.happen(sandbox_limit_hit=pb.SandboxLimitHit(summary="the command was killed"))
    scripted.happen(checkpoint_saved=pb.CheckpointSaved(commit="c0ffee"))
    scripted.happen(checkpoint_saved=pb.CheckpointSaved(left_out_count=1, left_out="film.mp4 (70 MiB)"))
    scripted.happen(checkpoint_failed=pb.CheckpointFailed(reason="the git host is away"))
    scripted.happen(workspace_restored=pb.WorkspaceRestored(commit="c0ffee"))
    scripted.happen(workspace_restored=pb.WorkspaceRestored())
    scripted.happen(branch_moved=pb.BranchMoved(branch="errand/tsk_1", commit="c0ffee", behind_count=2))
    scripted.happen(branch_moved=pb.BranchMoved(branch="errand/tsk_1"))
    scripted.happen(attempt_phase_changed=pb.AttemptPhaseChanged(phase=task_pb2.ATTEMPT_PHASE_PARKED))

    await expect(page.locator(".quiet")).to_have_text(
        [
            "Paused, since the host was cut off",
            "Goes on after 12 s",
            "Paused: the disk of its host is nearly full",
            "Goes on after 15 s",
            "Taken up again in the same container",
            "Waits for Docker, at most 15 min 0 s: no answer",
            "Goes on in a new container, with its files: it ended",
            "… 1.2 MB of output were not kept",
            "Limit: the command was killed",
            "Files are kept at the git host, but for film.mp4 (70 MiB)",
            "What is not pushed is on its host alone: the git host is away",
            "Goes on in a new workspace, with the files of the last checkpoint",
            "Goes on in a new workspace: its checkpoint is gone from the git host",
            "errand/tsk_1 is 2 commits behind the git host",
            "errand/tsk_1 was removed at the git host",
            "Set aside until it can go on",
        ]
    )
    await inside.fits()


async def test_a_runner_that_is_not_heard_of_is_told_while_the_task_runs(page, scripted):
    away = pb.TaskStatusChanged(status=task_pb2.TASK_STATUS_RUNNING, status_reason="the runner is not heard of")
    scripted.happen(task_status_changed=away)

    await expect(page.locator(".activity")).to_have_text(re.compile("^The runner is not heard of$"))


async def test_long_content_is_read_from_where_it_lies(page, scripted):
    digest = "ab" * 32
    scripted.scheduler.blobs[digest] = [json.dumps([{"type": "text", "text": "From a blob."}]).encode()]
    blob = task_pb2.Blob(sha256=digest, size_bytes=70_000)
    scripted.scheduler.messages = [task_pb2.Message(message_id="msg_1", task_id=TASK, content_blob=blob)]
    scripted.say("msg_1", "word " * 204 + "…")
    await expect(page.get_by_text("From a blob.")).to_be_visible()

    output = "cd" * 32
    scripted.scheduler.blobs[output] = [json.dumps("the whole output").encode()]
    call = task_pb2.ToolCall(tool_call_id="toolu_1", tool_name="bash", input=b'{"command": "true"}')
    call.output_blob.CopyFrom(task_pb2.Blob(sha256=output, size_bytes=70_000))
    scripted.scheduler.tool_calls = [call]
    scripted.begin_tool("toolu_1", "true")
    scripted.end_tool("toolu_1", "the end")
    await tools(page).get_by_role("button").click()
    await expect(tools(page).locator(".body pre").last).to_have_text("the whole output")
