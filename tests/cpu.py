"""How much of a core's time a process has used."""

import os
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Seconds in user and system mode, of all its threads (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
