"""A runner is away for longer than it may be: its attempt is given up, and what it does on return changes nothing."""

import asyncio
import json
import signal
import subprocess
import time

import pytest

from tests.chaos.wire import wire_to
from tests.demo.phone import is_final
from tests.e2e.watching import containers, no_container, started, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "run-command"

# A lease freezes after 10.8 s, and is lost after 12 s.
BEAT_S = 0.1


def paused(task):
    """How many of a task's containers are."""
    ids = containers(task)
    command = ["docker", "inspect", "--format", "{{.State.Paused}}", *ids]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.split().count("true")


async def test_one_that_stood_still_is_refused_and_what_was_sent_on_meanwhile_runs_once(stack, phone, project):
    task = await started(phone, project, "sleep 600")
    old, runner = containers(task), stack.processes.running["runner"]

    runner.send_signal(signal.SIGSTOP)
    try:
        await until(phone, task, is_final)
        lost = await phone.task(task)
        told = await phone.events(task)
        await phone.retry(task)
        assert containers(task) == old, "whoever could end it stands still"
    finally:
        runner.send_signal(signal.SIGCONT)
    await until(phone, task, is_final, cursor=told[-1]["cursor"])

    assert (lost["status"], lost["failure_reason"]) == ("failed", "runner_lost")
    assert (await phone.task(task))["status"] == "completed"
    events = await phone.events(task)
    assert events[: len(told)] == told
    (given_up,) = {each["attempt_id"] for each in told if each["attempt_id"]}
    since = [each for each in events[len(told) :] if each["attempt_id"]]
    assert given_up not in {each["attempt_id"] for each in since}
    assert len({each["attempt_id"] for each in since}) == 1
    (opened,) = (each["detail"]["container_id"] for each in since if each["kind"] == "sandbox_opened")
    assert not opened.startswith(old[0])
    await no_container(task)


async def test_one_that_is_cut_off_stands_still_before_it_is_given_up_and_goes_on_return(stack, phone, project):
    await stack.processes.stop("runner")
    async with wire_to(stack.scheduler_address) as wire:
        stack.runner_settings["ERRAND_SCHEDULER"] = wire.address
        await stack.start_runner()
        task = await started(phone, project, "sleep 600")

        wire.cut()
        async with asyncio.timeout(60):
            while not paused(task):
                await asyncio.sleep(0.02)
        frozen_s = time.monotonic()
        assert (await phone.task(task))["status"] == "running"
        await until(phone, task, is_final)
        assert 0.2 < time.monotonic() - frozen_s < 10
        assert paused(task) == 1
        wire.mend()
        await no_container(task)

    assert (await phone.task(task))["failure_reason"] == "runner_lost"
    log = [json.loads(line) for line in stack.processes.log_of("runner").read_text().splitlines() if line[:1] == "{"]
    assert "attempt_frozen" in [line["event"] for line in log]
