"""The main job: a prompt becomes a tested branch with a pull request, watched live, and all of it can be read again."""

import pytest
import pytest_asyncio

from tests.demo.outside import check_out_branch, run_tests
from tests.demo.phone import is_final
from tests.demo.story import FOLLOW_UP, PROMPT
from tests.e2e.watching import event, history, run, send_on, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "demo"
PACE_MS = 10
"""Slowly enough for words to be seen before the message that holds them."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def task(phone, project):
    """A finished errand with a follow-up."""
    first = await run(phone, project, PROMPT)
    assert first["status"] == "completed", first
    return await send_on(phone, first, FOLLOW_UP)


async def test_the_pushed_branch_passes_its_tests(stack, task, tmp_path):
    assert task["status"] == "completed"
    check_out_branch(stack.bare(), task["branch"], tmp_path / "clone")

    run_tests(tmp_path / "clone")
    assert "price_of_zero" in (tmp_path / "clone" / "tests" / "test_discount.py").read_text()


async def test_the_agent_saw_red_twice_before_green(phone, task):
    calls = await phone.tool_calls(task)
    runs = [call["output"] for call in calls if "pytest" in call["input"]]

    assert ["failed" in output for output in runs] == [True, True, False, False]
    assert all(call["duration"] > 0 and call["input"] for call in calls)


async def test_a_follow_up_continues_the_same_pull_request(phone, task):
    events = await phone.events(task)
    urls = {event["detail"]["url"] for event in events if event["kind"] == "pull_request_opened"}

    assert urls == {task["pull_request_url"]}
    assert len([event for event in events if event["kind"] == "branch_pushed"]) == 2
    assert task["diff_stat"]["files"] == 2


async def test_a_late_watcher_gets_the_same_events_in_the_same_order(phone, task):
    stored = await phone.events(task)
    live = [
        message["event"]
        for message in await until(phone, task, lambda message: message["type"] == "caught_up")
        if message["type"] == "event"
    ]

    assert live == stored


async def test_a_watcher_that_comes_back_gets_what_it_missed_and_nothing_twice(phone, task):
    stored = await phone.events(task)
    middle = len(stored) // 2
    messages = await until(phone, task, lambda message: message["type"] == "caught_up", cursor=stored[middle]["cursor"])

    assert [message["event"] for message in messages if message["type"] == "event"] == stored[middle + 1 :]


async def test_words_were_streamed_before_they_were_stored(phone, project):
    made = await phone.create_task(project, PROMPT)
    messages = await until(phone, made, is_final)
    stored = next(index for index, each in enumerate(messages) if event("message_appended", role="assistant")(each))
    message_id = messages[stored]["event"]["detail"]["message_id"]
    deltas = [each["delta"] for each in messages[:stored] if each["type"] == "delta"]
    words = [each["text"] for each in deltas if each["subject_id"] == message_id and each["kind"] == "text"]

    assert "I'll look around first" in "".join(words)


async def test_tokens_and_cost_are_counted(task):
    assert task["usage"]["output_tokens"] > 0
    assert task["usage"]["cache_read_tokens"] > 0
    assert task["usage"]["cost_nanodollars"] > 0


async def test_the_same_idempotency_key_makes_one_task(phone, project):
    first = await phone.create_task(project, PROMPT, key="tapped-twice")
    second = await phone.create_task(project, PROMPT, key="tapped-twice")
    await until(phone, first, is_final)

    assert first["task_id"] == second["task_id"]


async def test_all_history_is_the_same_after_a_restart_of_everything(stack, phone, task):
    before = await history(phone, task)

    await stack.stop_services()
    await stack.start_scheduler()
    await stack.start_gateway()
    await stack.start_runner()

    assert await history(phone, task) == before
    assert len(before["messages"]) > 10
