"""`make bench`: ten interleaved rounds, medians, a table and bench.json."""

import asyncio
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.sandbox.docker import Engine, Sandbox, SandboxSpec
from tests.bench.memory import measure_memory
from tests.bench.rows import Table
from tests.bench.start import measure_start
from tests.bench.tools import measure_tool_call
from tests.demo.phone import Phone
from tests.demo.stack import REPOSITORY, Stack, open_stack

ROUNDS = 10
RESULT = Path("bench.json")


def main() -> None:
    """Measure, print, write."""
    table = asyncio.run(_measure())
    RESULT.write_text(json.dumps({"machine": _machine(), "rows": table.as_json()}, indent=2) + "\n")
    _print(table)


async def _measure() -> Table:
    table = Table()
    async with open_stack(script="run-command") as stack, Phone.open(stack.gateway_url) as phone:
        await phone.sign_in()
        project = await phone.add_project(REPOSITORY)
        async with Engine.connect(state_dir=stack.folder / "bench") as engine:
            spec = _spec(stack)
            try:
                async with engine.open(spec) as sandbox:
                    await _rounds(table, stack, phone, project, sandbox)
            finally:
                await engine.remove_workspace(spec.task_id)
    return table


async def _rounds(table: Table, stack: Stack, phone: Phone, project: dict[str, object], sandbox: Sandbox) -> None:
    for number in range(ROUNDS):
        print(f"round {number + 1} of {ROUNDS}", flush=True)
        await measure_start(table, stack, phone, project)
        await measure_tool_call(table, sandbox)
        measure_memory(table, stack)


def _spec(stack: Stack) -> SandboxSpec:
    ids = Ids(Clock())
    sockets = stack.folder / "bench" / "s"
    sockets.mkdir(parents=True)
    return SandboxSpec(
        sandbox_id=ids.new("sbx"),
        task_id=ids.new("tsk"),
        # Not the stack's runner, which sweeps what it does not know.
        runner_id=ids.new("rnr"),
        image=stack.image,
        socket_dir=sockets,
    )


def _machine() -> dict[str, object]:
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _print(table: Table) -> None:
    shown = RichTable(title=f"medians of {ROUNDS} interleaved rounds", title_justify="left")
    for name in ("", "median", "least", "most", "unit", "against", "ratio"):
        shown.add_column(name, justify="left" if name in ("", "unit", "against") else "right")
    for row in table.rows.values():
        ratio = table.ratio(row)
        figures = (f"{value:.3g}" for value in (row.median, min(row.samples), max(row.samples)))
        shown.add_row(row.name, *figures, row.unit, row.peer, "" if ratio is None else f"{ratio:.2f}")
    Console(width=140).print(shown)


if __name__ == "__main__":
    main()
