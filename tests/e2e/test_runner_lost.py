"""A runner that is cut off for longer than it may be stands still before its attempt is given up."""

import asyncio
import json
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
