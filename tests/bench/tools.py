"""What a tool call costs: through the supervisor, beside `docker exec` and a bare shell in the same container."""

import subprocess
import time
from contextlib import aclosing

from errand_runner.agent.redact import Redactor
from errand_runner.agent.tools import Toolbox
from errand_runner.agent.transcript import ToolCall
from errand_runner.sandbox.docker import Sandbox
from tests.bench.rows import Table
from tests.bench.shell import open_shell

EXEC = "docker exec CONTAINER true"
SHELL = "/bin/true in a bare shell that stays"
CALLS = 20
"""Calls per sample, so that one sample is longer than the clock's and the scheduler's grain."""


async def measure_tool_call(table: Table, sandbox: Sandbox) -> None:
    """One sample of each, one after the other: bash running `/bin/true`, as Claude would call it."""
    started_s = time.perf_counter()
    subprocess.run(["docker", "exec", sandbox.container_id, "/bin/true"], check=True, capture_output=True)
    table.add(EXEC, 1000 * (time.perf_counter() - started_s), unit="ms")

    with open_shell(sandbox.container_id) as shell:
        shell.run("/bin/true")
        started_s = time.perf_counter()
        for _ in range(CALLS):
            shell.run("/bin/true")
        table.add(SHELL, 1000 * (time.perf_counter() - started_s) / CALLS, unit="ms")

    tools = Toolbox(sandbox.supervisor, workspace="/workspace", redactor=Redactor())
    started_s = time.perf_counter()
    for number in range(CALLS):
        async with aclosing(tools.run(ToolCall(f"toolu_{number}", "bash", {"command": "/bin/true"}))) as pieces:
            async for _ in pieces:
                pass
    elapsed_ms = 1000 * (time.perf_counter() - started_s) / CALLS
    table.add("tool call (bash: /bin/true)", elapsed_ms, unit="ms", peer=EXEC, goal="0.1 or less")
    table.add("the same tool call", elapsed_ms, unit="ms", peer=SHELL, goal="5 or less")
