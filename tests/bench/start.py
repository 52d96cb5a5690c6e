"""How long a person waits: from posting a task to the first tool's result, beside a bare `docker run`."""

import asyncio
import subprocess
import time

from tests.bench.rows import Table
from tests.demo.phone import Json, Phone, is_final
from tests.demo.stack import Stack

BARE = "docker run --rm IMAGE true"
TASK_S = 60.0


async def measure_start(table: Table, stack: Stack, phone: Phone, project: Json) -> None:
    """One sample of each, one after the other."""
    started_s = time.perf_counter()
    subprocess.run(["docker", "run", "--rm", stack.image, "true"], check=True, capture_output=True)
    table.add(BARE, time.perf_counter() - started_s, unit="s")

    started_s = time.perf_counter()
    task = await phone.create_task(project, "Run: true")
    async with asyncio.timeout(TASK_S), phone.live(task) as messages:
        async for message in messages:
            event = message.get("event", {})
            if event.get("kind") == "tool_call_finished":
                table.add("task posted -> first tool result", time.perf_counter() - started_s, unit="s", peer=BARE)
            if is_final(message):
                break
    assert (await phone.task(task))["status"] == "completed"
