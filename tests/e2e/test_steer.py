"""A person steers over the phone while Claude works: the words join the running turn, or become the next one."""

import asyncio
from collections.abc import Callable

import pytest

from tests.demo.phone import Json, Phone, is_final
from tests.e2e.watching import HELD, attempts, event, let_go, run, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "steps"

MID_WORK = "The person wrote this while you were working"


async def at_step(phone: Phone, project: Json, prompt: str, step: int) -> Json:
    """A task in the middle of a step."""
    task = await phone.create_task(project, prompt)
    for _ in range(step):
        task["seen"] = await cursor_of(phone, task, event("tool_call_started"))
    return task


async def cursor_of(phone: Phone, task: Json, seen: Callable[[Json], bool]) -> str:
    """Where the next such event stands."""
    return str((await until(phone, task, seen, cursor=task.get("seen", "")))[-1]["event"]["cursor"])


async def ended(phone: Phone, task: Json) -> Json:
    await until(phone, task, is_final, cursor=task["seen"])
    return await phone.task(task)


def carrying(events: list[Json]) -> list[list[str]]:
    """The inputs that each of our messages carries."""
    return [
        each["detail"]["input_ids"]
        for each in events
        if each["kind"] == "message_appended" and each["detail"]["role"] == "user"
    ]


async def test_a_steer_reaches_claude_with_the_next_tool_results(phone, project):
    task = await at_step(phone, project, f"Steps: touch a; {HELD}; touch b; touch c", 2)

    added = await phone.steer(task, "Use tabs.")
    let_go(task)
    task |= await ended(phone, task)

    assert (added["kind"], added["taken"]) == ("steer", False)
    assert task["status"] == "completed"
    events, messages = await phone.events(task), await phone.messages(task)
    assert carrying(events)[1:] == [[], [added["input_id"]], [], []]
    steered = messages[4]["content"]
    assert steered.index("tool_result") < steered.index(MID_WORK) < steered.index("Use tabs.")
    assert "Use tabs." in messages[-1]["content"]
    assert len(await phone.tool_calls(task)) == 4
    assert len(await attempts(phone, task)) == 1


async def test_a_follow_up_to_a_running_task_is_its_next_turn_in_the_same_container(phone, project):
    task = await at_step(phone, project, f"Steps: touch d; {HELD}", 2)

    await phone.add_input(task, "Then tell me more.")
    let_go(task)
    task |= await ended(phone, task)

    messages = await phone.messages(task)
    assert task["status"] == "completed"
    assert "Nobody said anything" in messages[-3]["content"]
    assert MID_WORK not in messages[-2]["content"]
    assert "Then tell me more." in messages[-1]["content"]
    assert len(await attempts(phone, task)) == 1
    assert sum(each["kind"] == "sandbox_opened" for each in await phone.events(task)) == 1


async def test_a_steer_after_the_last_tool_is_not_lost(phone, project):
    task = await phone.create_task(project, "Steps: touch e")
    task["seen"] = await cursor_of(phone, task, event("branch_pushed"))

    added = await phone.steer(task, "One more thing.")
    task["seen"] = await cursor_of(phone, task, event("message_appended", input_ids=[added["input_id"]]))
    task |= await ended(phone, task)

    assert task["status"] == "completed"
    assert "One more thing." in (await phone.messages(task))[-1]["content"]


async def test_a_stop_wins_over_a_steer_which_is_heard_when_the_task_goes_on(phone, project):
    task = await at_step(phone, project, "Steps: sleep 60; touch f", 1)

    await phone.steer(task, "Faster.")
    await phone.stop(task)
    task |= await ended(phone, task)
    assert task["status"] == "cancelled"
    assert "Faster." not in str(await phone.messages(task))

    task["seen"] = (await phone.events(task))[-1]["cursor"]
    await phone.add_input(task, "Go on.")
    task |= await ended(phone, task)

    messages = await phone.messages(task)
    assert task["status"] == "completed"
    assert "Faster." in messages[-1]["content"]
    assert "Go on." in messages[-1]["content"]


async def test_a_steer_survives_a_runner_that_is_killed(stack, phone, project):
    task = await at_step(phone, project, "Steps: sleep 60; touch g", 1)

    await stack.processes.kill("runner")
    added = await phone.steer(task, "Still there?")
    await asyncio.gather(stack.start_runner(), ended(phone, task))

    events, messages = await phone.events(task), await phone.messages(task)
    assert [ids for ids in carrying(events) if added["input_id"] in ids] == [[added["input_id"]]]
    assert "Still there?" in messages[-1]["content"]
    assert (await phone.task(task))["status"] == "completed"


async def test_claude_proposes_its_work_in_mid_turn_and_the_end_adds_to_it(phone, project):
    steps = (
        "echo one > NEWS.md && git add NEWS.md && git commit -qm News",
        '!create_pull_request {"title": "Tell the news", "body": "They were asked for."}',
        "echo two > NEWS.md && git commit -qa --amend -m News",
    )
    task = await run(phone, project, f"Steps: {'; '.join(steps)}")

    assert task["status"] == "completed", task
    events = await phone.events(task)
    calls = [each["detail"]["summary"] for each in events if each["kind"] == "tool_call_finished"]
    assert f"its pull request is {task['pull_request_url']}." in calls[1]
    kinds = [each["kind"] for each in events]
    assert kinds.index("pull_request_opened") < kinds.index("tool_call_finished", kinds.index("branch_pushed"))
    assert kinds.count("pull_request_opened") == 1
    first, last = (each["detail"]["commit"] for each in events if each["kind"] == "branch_pushed")
    assert first != last
