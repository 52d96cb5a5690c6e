"""What a tool call costs: through the supervisor, beside `docker exec` into the same container."""

import subprocess
import time
from contextlib import aclosing

from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools import Toolbox
from errand_runner.agent.transcript import ToolCall
from errand_runner.sandbox.docker import Sandbox
from tests.bench.rows import Table

EXEC = "docker exec CONTAINER true"
CALLS = 10
"""Calls per sample, so that one sample is longer than the clock's and the scheduler's grain."""


async def measure_tool_call(table: Table, sandbox: Sandbox) -> None:
    """One sample of each, one after the other: bash running `true`, as Claude would call it."""
    started_s = time.perf_counter()
    subprocess.run(["docker", "exec", sandbox.container_id, "true"], check=True, capture_output=True)
    table.add(EXEC, 1000 * (time.perf_counter() - started_s), unit="ms")

    tools = Toolbox(sandbox.supervisor, workspace="/workspace", redactor=Redactor())
    started_s = time.perf_counter()
    for number in range(CALLS):
        async with aclosing(tools.run(ToolCall(f"toolu_{number}", "bash", {"command": "true"}))) as pieces:
            async for _ in pieces:
                pass
    elapsed_ms = 1000 * (time.perf_counter() - started_s) / CALLS
    table.add("tool call (bash: true) through the sandbox", elapsed_ms, unit="ms", peer=EXEC)
