"""A person can stop a task at once, a runner can die under it, and either way it goes on from where it was."""

import asyncio
import json
import signal

import pytest

from errand_runner.sandbox.docker import Engine
from tests.demo.phone import is_final
from tests.demo.stack import REPOSITORY
from tests.e2e.watching import no_container, printed, run, send_on, started, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "run-command"


async def test_a_stop_ends_a_running_command_and_its_container(phone, project):
    task = await started(phone, project, "sleep 600")

    await phone.stop(task)
    await until(phone, task, is_final)

    stopped = await phone.task(task)
    assert stopped["status"] == "cancelled"
    await no_container(task)


async def test_a_stopped_task_can_be_sent_on(phone, project):
    task = await phone.create_task(project, "Run: echo kept > ../note; echo written; sleep 600")
    await until(phone, task, printed("written"))
    await phone.stop(task)
    await until(phone, task, is_final)

    task = await send_on(phone, task, "Run: cat ../note")

    assert task["status"] == "completed"
    messages = await phone.messages(task)
    assert "kept" in messages[-1]["content"]
    assert "written\\n[interrupted by the user after" in messages[2]["content"]
    stopped, _ = await phone.tool_calls(task)
    assert stopped["is_error"]
    assert "written" in stopped["output"]


async def test_what_a_stopped_turn_wrote_is_there_without_its_workspace(stack, phone, project):
    task = await phone.create_task(project, "Run: echo kept > note; echo written; sleep 600")
    await until(phone, task, printed("written"))
    assert not is_saved(stack, task)
    await phone.stop(task)
    await until(phone, task, is_final)
    await no_container(task)
    assert is_saved(stack, task)
    await lose_workspaces(stack)

    task = await send_on(phone, task, "Run: cat note")

    assert "kept" in (await phone.messages(task))[-1]["content"]
    kinds = [each["kind"] for each in await phone.events(task)]
    assert kinds.index("checkpoint_saved") < kinds.index("workspace_restored") < kinds.index("pull_request_opened")


async def test_stopping_what_is_over_changes_nothing(phone, project):
    task = await run(phone, project, "Run: true")

    again = await phone.stop(task)

    assert again["status"] == "completed"


async def test_a_pending_task_is_stopped_without_any_runner(stack, phone, project):
    await stack.processes.stop("runner")
    task = await phone.create_task(project, "Run: true")
    assert task["status"] == "pending"

    stopped = await phone.stop(task)
    await stack.start_runner()

    assert stopped["status"] == "cancelled"


async def test_a_scheduler_that_is_killed_loses_nothing(stack, phone, project):
    task = await started(phone, project, "sleep 3; echo survived")

    await stack.processes.kill("scheduler")
    await stack.start_scheduler()
    await until(phone, task, is_final)

    calls = await phone.tool_calls(task)
    assert (await phone.task(task))["status"] == "completed"
    assert ["survived" in call["output"] for call in calls] == [True]


async def test_services_that_are_stopped_at_once_stop(stack):
    for pause_s in (0.0, 0.05, 0.2):
        runner = stack.processes.running["runner"]
        scheduler = asyncio.ensure_future(stack.processes.stop("scheduler"))
        await asyncio.sleep(pause_s)
        await stack.processes.stop("runner")
        await scheduler
        await stack.start_scheduler()
        await stack.start_runner()

        assert runner.returncode != -signal.SIGKILL, "it did not stop when asked, so it was killed"


async def test_a_failed_clone_says_what_happened_and_the_prompt_is_not_lost(stack, phone, project):
    bare = stack.bare()
    head = (bare / "HEAD").read_text()
    away = bare.with_name("away.git")
    bare.rename(away)
    task = await run(phone, project, "Run: echo here")
    away.rename(bare)

    assert (task["status"], task["failure_reason"]) == ("failed", "clone")
    assert REPOSITORY in task["status_reason"]
    assert (bare / "HEAD").read_text() == head
    task = await send_on(phone, task, "Run: echo again")
    messages = await phone.messages(task)
    assert "echo here" in messages[0]["content"]
    assert "echo again" in messages[0]["content"]


def is_saved(stack, task):
    """Whether the git host has all of the task's workspace, as the runner wrote it down."""
    return json.loads((stack.folder / "runner" / "workspaces" / f"{task['task_id']}.json").read_text())["saved"]


async def lose_workspaces(stack):
    """Those that no container has."""
    async with Engine.connect(state_dir=stack.folder / "runner") as engine:
        for runner_id in stack.runner_ids():
            await engine.sweep_workspaces(runner_id, lambda workspace_id: False, most=100)
