"""What a process holds in memory."""

import os
from pathlib import Path


def held_bytes(pid: int | None = None) -> int:
    """The proportional set size: what it shares with others counts in part. Of this process, where none is named."""
    rollup = Path(f"/proc/{pid or os.getpid()}/smaps_rollup").read_text()
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
