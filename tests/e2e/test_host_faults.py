"""What an errand runs on goes away under it: its end, or its way on, is told, and nothing is left behind."""

import asyncio
import secrets
import subprocess
from collections import Counter

import pytest
import pytest_asyncio

from tests.demo.phone import is_final
from tests.e2e.engine_proxy import engine_proxy
from tests.e2e.watching import containers, event, no_container, printed, ready, run, send_on, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "run-command"

# What the host lacks is tried three times more, after 2, 4 and 8 beats.
BEAT_S = 0.5


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def proxy(stack):
    """What the module's runner takes for its Docker engine."""
    async with engine_proxy(stack.folder) as between:
        await restart_runner(stack, between)
        yield between
        await stack.processes.stop("runner")


async def restart_runner(stack, proxy, *, patience_s=60.0):
    await stack.processes.stop("runner")
    patience = {"ERRAND_ENGINE_PATIENCE_SECONDS": str(patience_s)}
    await stack.start_runner(DOCKER_HOST=proxy.docker_host, **patience)


@pytest.mark.parametrize("container_lives", [True, False], ids=["as with live-restore", "as without"])
async def test_a_docker_that_is_started_anew_costs_a_task_one_command(proxy, phone, project, container_lives):
    task = await phone.create_task(project, "Run: echo kept > note; echo written; sleep 600")
    await until(phone, task, printed("written"))
    (before,) = containers(task)

    await proxy.take_away()
    await until(phone, task, event("engine_away"))
    if not container_lives:
        subprocess.run(["docker", "kill", before], check=True, capture_output=True)
    await proxy.bring_back()
    messages = await until(phone, task, is_final)

    assert (await phone.task(task))["status"] == "completed"
    told = Counter(message["event"]["kind"] for message in messages if message["type"] == "event")
    assert (told["sandbox_adopted"], told["sandbox_replaced"]) == ((1, 0) if container_lives else (0, 1))
    # The file that the interrupted command wrote is in the commit.
    assert told["branch_pushed"] == 1
    (call,) = await phone.tool_calls(task)
    assert "may or may not have run" in call["output"]
    await no_container(task)


async def test_a_workspace_that_is_lost_with_its_sandbox_is_laid_out_from_the_checkpoint(stack, proxy, phone, project):
    task = await phone.create_task(project, "Run: echo mine > left; echo begun; sleep 1")
    await until(phone, task, printed("begun"))
    await phone.add_input(task, "Run: echo written; sleep 600")
    await until(phone, task, printed("written"))
    await until(phone, task, event("checkpoint_saved"))
    (lost,) = containers(task)

    await proxy.take_away()
    await until(phone, task, event("engine_away"))
    await lose(lost)
    await proxy.bring_back()
    await until(phone, task, is_final)

    assert (await phone.task(task))["status"] == "completed"
    (_, call) = await phone.tool_calls(task)
    assert "made anew from the last checkpoint" in call["output"]
    pushed = subprocess.run(
        ["git", "show", f"{task['branch']}:left"], cwd=stack.bare(), check=True, capture_output=True
    )
    assert pushed.stdout == b"mine\n"


async def lose(container):
    """With its volume."""
    form = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}'
    command = ["docker", "inspect", "--format", form, container]
    volumes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    subprocess.run(["docker", "rm", "--force", container], check=True, capture_output=True)
    subprocess.run(["docker", "volume", "rm", *volumes], check=True, capture_output=True)


async def test_when_docker_stays_away_the_task_fails_and_goes_on_once_it_is_back(proxy, stack, phone, project):
    await restart_runner(stack, proxy, patience_s=1.0)
    task = await phone.create_task(project, "Run: echo kept > ../note; echo written; sleep 600")
    await until(phone, task, printed("written"))

    await proxy.take_away()
    await until(phone, task, is_final)
    failed = await phone.task(task)
    at_work_still = containers(task)
    while_away = await send_on(phone, task, "Run: true")
    await proxy.bring_back()
    went_on = await send_on(phone, task, "Run: cat ../note")

    assert (failed["status"], failed["failure_reason"]) == ("failed", "engine")
    assert "the Docker engine went away" in failed["status_reason"]
    assert "see that it runs (systemctl status docker), then send the task on" in failed["status_reason"]
    assert (while_away["status"], while_away["failure_reason"]) == ("failed", "engine")
    assert went_on["status"] == "completed"
    assert "kept" in (await phone.messages(task))[-1]["content"]
    assert len(at_work_still) == 1, "nobody could remove it then"
    await no_container(task)


async def test_what_a_lost_docker_left_is_removed_by_the_next_start(proxy, stack, phone, project):
    await restart_runner(stack, proxy, patience_s=1.0)
    task = await phone.create_task(project, "Run: sleep 600")
    await until(phone, task, event("tool_call_started"))
    await proxy.take_away()
    await until(phone, task, is_final)
    assert len(containers(task)) == 1

    await proxy.bring_back()
    await restart_runner(stack, proxy)

    await no_container(task)
    assert list((stack.folder / "runner" / "s").iterdir()) == []


async def test_an_image_that_vanishes_is_told(stack, proxy, phone, project):
    kept, gone = stack.image, f"errand-test-{secrets.token_hex(4)}:gone"
    subprocess.run(["docker", "tag", kept, gone], check=True)
    try:
        stack.image = gone
        await restart_runner(stack, proxy)
        assert (await run(phone, project, "Run: true"))["status"] == "completed"
    finally:
        stack.image = kept
        subprocess.run(["docker", "rmi", "--no-prune", gone], check=True, capture_output=True)
    task = await run(phone, project, "Run: true")

    assert (task["status"], task["failure_reason"]) == ("failed", "image")
    assert gone in task["status_reason"]
    assert "build it with `make image`, or pull it" in task["status_reason"]
    await no_container(task)


async def test_services_that_start_before_their_scheduler_wait_say_so_and_connect(stack, phone, project):
    for name in ("runner", "gateway", "scheduler"):
        await stack.processes.stop(name)
        stack.processes.log_of(name).unlink()

    await stack.start_gateway()
    async with asyncio.TaskGroup() as group:
        group.create_task(stack.start_runner())
        await stack.processes.logged("gateway", "scheduler_away")
        await stack.processes.logged("runner", "session_broken")
        await stack.start_scheduler()
    await ready(stack)

    assert (await run(phone, project, "Run: true"))["status"] == "completed"
    await stack.processes.logged("gateway", "scheduler_reached")
    await stack.processes.logged("runner", "session_opened")


async def test_a_scheduler_that_is_killed_under_way_tells_every_event_once(stack, phone, project):
    task = await phone.create_task(project, "Run: for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done; echo new > n")
    await until(phone, task, event("tool_call_started"))

    await stack.processes.kill("scheduler")
    await stack.start_scheduler()
    await ready(stack)
    await until(phone, task, is_final)

    assert (await phone.task(task))["status"] == "completed"
    events = await phone.events(task)
    assert max(Counter(each["cursor"] for each in events).values()) == 1
    # That it runs is said again where the runner was not heard of for a moment: that is another fact.
    told = Counter((each["kind"], str(each["detail"])) for each in events if each["kind"] != "task_status_changed")
    assert [fact for fact, times in told.items() if times > 1] == []
    kinds = Counter(each["kind"] for each in events)
    assert kinds["tool_call_started"] == kinds["tool_call_finished"] == kinds["branch_pushed"] == 1
    live = await until(phone, task, lambda message: message["type"] == "caught_up")
    assert [each["event"] for each in live if each["type"] == "event"] == events
