"""How long a person waits: from posting a task to the first tool's result, beside a bare `docker run`."""

import asyncio
import subprocess
import time

from tests.bench.rows import Table
from tests.demo.phone import Json, Phone, is_final
from tests.demo.stack import Stack

BARE = "docker run --rm IMAGE true"
TASK_S = 60.0
_REST_S = 3.0
"""After a task's end the next sandbox is made only 2 s later (pool.py), and takes one more to be ready."""


async def measure_start(table: Table, stack: Stack, phone: Phone, project: Json) -> None:
    """One sample of each, one after the other: with nothing ready, and with a sandbox that waits; each by a runner that
    has worked before."""
    for number, name, goal in ((0, "cold", ""), (1, "warm", "0.6 or less")):
        await _restart_runner(stack, warm=number)
        await _first_result_s(phone, project)
        await _until_ready(stack, warm=number)
        started_s = time.perf_counter()
        subprocess.run(["docker", "run", "--rm", stack.image, "true"], check=True, capture_output=True)
        table.add(BARE, time.perf_counter() - started_s, unit="s")
        first_s = await _first_result_s(phone, project)
        table.add(f"task posted -> first tool result, {name}", first_s, unit="s", peer=BARE, goal=goal)


async def _first_result_s(phone: Phone, project: Json) -> float:
    """To the end of the task, so that it disturbs nothing that comes after."""
    first_s, started_s = 0.0, time.perf_counter()
    task = await phone.create_task(project, "Run: true")
    async with asyncio.timeout(TASK_S), phone.live(task) as messages:
        async for message in messages:
            event = message.get("event", {})
            if event.get("kind") == "tool_call_finished":
                first_s = time.perf_counter() - started_s
            if is_final(message):
                break
    assert (await phone.task(task))["status"] == "completed"
    return first_s


async def _restart_runner(stack: Stack, *, warm: int) -> None:
    await stack.processes.stop("runner")
    stack.processes.log_of("runner").unlink()
    await stack.start_runner(ERRAND_WARM_SANDBOXES=str(warm))
    await _until_ready(stack, warm=warm)


async def _until_ready(stack: Stack, *, warm: int) -> None:
    """Once so many sandboxes wait, and whatever the runner had still to do is done."""
    async with asyncio.timeout(TASK_S):
        while len(await asyncio.to_thread(_running, stack)) != warm:
            await asyncio.sleep(0.05)
    await asyncio.sleep(_REST_S)


def _running(stack: Stack) -> list[str]:
    """The runner's containers."""
    (runner_id,) = stack.runner_ids()
    command = ["docker", "ps", "--quiet", "--filter", f"label=errand.runner={runner_id}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
