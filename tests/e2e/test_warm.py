"""A sandbox waits for the next task: it begins in that one, and whatever ends the runner, none is left."""

import asyncio
import subprocess

import pytest
import pytest_asyncio

from tests.demo.phone import is_final
from tests.e2e.watching import event, run, send_on, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "run-command"
BEAT_S = 0.5


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def waiting(stack):
    """A runner with one sandbox that waits: its container."""
    await restart_runner(stack)
    return await warm_one(stack)


async def restart_runner(stack):
    await stack.processes.stop("runner")
    await stack.start_runner(ERRAND_WARM_SANDBOXES="1")


def of_the_runner(stack):
    """The containers of the runner, by their full ids."""
    (runner_id,) = stack.runner_ids()
    command = ["docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", f"label=errand.runner={runner_id}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


async def warm_one(stack):
    """The one container, once it waits."""
    async with asyncio.timeout(30):
        while len(found := of_the_runner(stack)) != 1 or not is_ready(stack, found[0]):
            await asyncio.sleep(0.1)
    return found[0]


def is_ready(stack, container_id):
    return container_id in stack.processes.log_of("runner").read_text()


async def test_a_task_begins_in_the_sandbox_that_waits_and_its_follow_up_on_its_workspace(
    stack, phone, project, waiting
):
    task = await run(phone, project, "Run: echo kept > ../note")
    assert (await phone.task(task))["status"] == "completed"
    (opened,) = (each["detail"] for each in await phone.events(task) if each["kind"] == "sandbox_opened")
    assert opened["container_id"] == waiting

    another = await warm_one(stack)
    assert another != waiting
    await send_on(phone, task, "Run: cat ../note")
    opened = [each["detail"] for each in await phone.events(task) if each["kind"] == "sandbox_opened"]
    assert "kept" in (await phone.messages(task))[-1]["content"]
    assert len(opened) == 2
    assert opened[-1]["container_id"] != another, "a workspace that is kept is mounted when its container is made"


async def test_a_runner_that_is_killed_comes_back_to_its_task_and_sweeps_what_waited(stack, phone, project, waiting):
    task = await phone.create_task(project, "Run: sleep 600")
    await until(phone, task, event("tool_call_started"))
    async with asyncio.timeout(30):
        while len(of_the_runner(stack)) != 2:
            await asyncio.sleep(0.1)
    (spare,) = set(of_the_runner(stack)) - {waiting}
    await stack.processes.kill("runner")
    await stack.start_runner(ERRAND_WARM_SANDBOXES="0")
    await until(phone, task, event("sandbox_adopted"))

    assert of_the_runner(stack) == [waiting]
    assert spare != waiting
    await phone.stop(task)
    await until(phone, task, is_final)


async def test_a_runner_that_is_stopped_leaves_none(stack, waiting):
    assert of_the_runner(stack) == [waiting]
    await stack.processes.stop("runner")
    assert of_the_runner(stack) == []
    assert list((stack.folder / "runner" / "s").iterdir()) == []
