"""A project's declared check: what was pushed is judged in a sandbox of its own, and the card says what came of it."""

import asyncio
import subprocess
import time

import pytest
import pytest_asyncio

from tests.demo.phone import is_final
from tests.e2e.watching import attempts, containers, event, no_container, run, send_on, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "run-command"
BEAT_S = 0.5

COMMIT = "git add -A; git commit -qm work"


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def as_before(phone, project):
    yield
    await phone.update_project(project, setup_script="", check={"script": ""})


async def declare(phone, project, script):
    await phone.update_project(project, check={"script": script})


async def checks(phone, task):
    """What every run of the check said."""
    return [each["detail"]["result"] for each in await phone.events(task) if each["kind"] == "check_finished"]


def docker(*command):
    """What docker says, by words."""
    return subprocess.run(["docker", *command], check=True, capture_output=True, text=True).stdout.split()


async def test_what_was_pushed_is_checked_where_nothing_else_is(phone, project):
    await phone.update_project(project, setup_script="touch ../prepared")
    await declare(phone, project, "test -e ../prepared; test -e good; test ! -e ../left; git rev-parse HEAD")
    task = await run(phone, project, f"Run: touch good ../left; {COMMIT}")

    card = task["finish_card"]
    assert task["status"] == "completed"
    assert (card["check"]["outcome"], card["check"]["exit_code"]) == ("passed", 0)
    assert card["check"]["tail"] == card["check"]["commit"] == card["commit"] == task["head_commit"]
    assert card["diff_stat"] == task["diff_stat"]
    assert card["result"].startswith("It answered:")
    assert card["pull_request_url"] == task["pull_request_url"] != ""
    assert card["wall_duration"] >= card["work_duration"] > 0
    ended = [each["detail"]["step"] for each in await phone.events(task) if each["kind"] == "step_finished"]
    assert ended[-5:] == ["check_container", "check_clone", "check_setup", "check", "pull_request"]
    await no_container(task)

    again = await send_on(phone, task, "Run: true")

    assert len(await checks(phone, task)) == 1, "on the same commit it is not run again"
    assert again["finish_card"]["check"] == card["check"]
    assert again["finish_card"]["message_id"] != card["message_id"]


async def test_claude_mends_what_a_check_found(phone, project):
    # What it prints last is what Claude does next.
    await declare(phone, project, f'test -e good || {{ echo "Run: touch good; {COMMIT}; exit"; exit 3; }}')
    task = await run(phone, project, f"Run: touch bad; {COMMIT}")

    failed, passed = await checks(phone, task)
    assert (failed["outcome"], failed["exit_code"], failed["reason"]) == ("failed", 3, "exit code 3")
    assert task["finish_card"]["check"] == passed
    assert passed["commit"] == task["head_commit"] != failed["commit"]
    assert len(await attempts(phone, task)) == 1


async def test_a_check_that_goes_on_failing_is_told_plainly(phone, project):
    await declare(phone, project, f'echo "Run: date +%N >> bad; {COMMIT}; exit"; exit 3')
    task = await run(phone, project, f"Run: touch bad; {COMMIT}")

    assert [each["outcome"] for each in await checks(phone, task)] == ["failed"] * 3
    check = task["finish_card"]["check"]
    assert (task["status"], check["outcome"], check["exit_code"]) == ("completed", "failed", 3)
    assert check["tail"].startswith("Run: date")
    assert check["commit"] == task["head_commit"]


async def test_a_stop_ends_a_check_at_once_and_there_is_no_card(phone, project):
    await declare(phone, project, "echo it checks; sleep 600")
    task = await phone.create_task(project, f"Run: touch good; {COMMIT}")
    await until(phone, task, lambda message: "it checks" in message.get("delta", {}).get("text", ""))
    stopped_s = time.monotonic()
    await phone.stop(task)
    await until(phone, task, is_final)

    task = await phone.task(task)
    assert time.monotonic() - stopped_s < 3
    assert (task["status"], task.get("finish_card")) == ("cancelled", None)
    assert await checks(phone, task) == []
    await no_container(task)


async def test_a_check_that_lost_its_sandbox_says_nothing_of_the_work(phone, project):
    await declare(phone, project, "echo it checks; sleep 600")
    task = await phone.create_task(project, f"Run: touch good; {COMMIT}")
    await until(phone, task, lambda message: "it checks" in message.get("delta", {}).get("text", ""))
    own = (await phone.task(task))["container_id"]
    (clean,) = [each for each in containers(task) if not own.startswith(each)]
    docker("kill", clean)
    await until(phone, task, is_final)

    task = await phone.task(task)
    check = task["finish_card"]["check"]
    assert (task["status"], check["outcome"], check.get("exit_code")) == ("completed", "not_run", None)
    assert check["reason"]
    await no_container(task)


async def test_a_check_that_a_killed_runner_left_is_run_anew(stack, phone, project):
    await declare(phone, project, "sleep 4; echo through")
    task = await phone.create_task(project, f"Run: touch good; {COMMIT}")
    await until(phone, task, event("step_started", step="check"))
    workspaces = docker("inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", *containers(task))
    assert len(workspaces) == 2, "the task's own, and that of the check"

    await stack.processes.kill("runner")
    await stack.start_runner()
    await until(phone, task, is_final)

    task = await phone.task(task)
    assert task["finish_card"]["check"]["tail"] == "through"
    assert len(await checks(phone, task)) == 1
    await no_container(task)
    async with asyncio.timeout(30):
        while len(set(workspaces) & set(docker("volume", "ls", "--quiet"))) > 1:
            await asyncio.sleep(0.2)
