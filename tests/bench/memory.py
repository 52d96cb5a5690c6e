"""What each service holds when nobody asks anything of it."""

from tests.bench.held import held_bytes
from tests.bench.rows import Table
from tests.demo.stack import SERVICES, Stack


def measure_memory(table: Table, stack: Stack) -> None:
    """One sample of each service's proportional set size."""
    for name in SERVICES:
        held = held_bytes(stack.processes.running[name].pid)
        table.add(f"idle memory, {name}", held / 2**20, unit="MiB")
