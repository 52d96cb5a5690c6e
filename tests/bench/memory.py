"""What each service holds when nobody asks anything of it."""

from pathlib import Path

from tests.bench.rows import Table
from tests.demo.stack import Stack

SERVICES = ("gateway", "scheduler", "runner")


def measure_memory(table: Table, stack: Stack) -> None:
    """One sample of each service's proportional set size."""
    for name in SERVICES:
        rollup = Path(f"/proc/{stack.processes.running[name].pid}/smaps_rollup").read_text()
        kibibytes = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        table.add(f"idle memory, {name}", kibibytes / 1024, unit="MiB")
