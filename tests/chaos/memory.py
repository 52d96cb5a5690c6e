"""What the services hold in memory."""

from pathlib import Path

from tests.demo.stack import Stack


def resident_mib(stack: Stack, name: str) -> float:
    """A service's resident set, as the kernel counts it."""
    status = Path(f"/proc/{stack.processes.running[name].pid}/status").read_text()
    kibibytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return kibibytes / 1024
