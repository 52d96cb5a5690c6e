"""Whether this host has memory to spare, beside what runs."""

from pathlib import Path

MEMINFO = Path("/proc/meminfo")

_SPARE_BYTES = 512 << 20


def has_spare_memory(meminfo: Path = MEMINFO) -> bool:
    """Whether more than 512 MiB could be had without swapping (proc(5), MemAvailable). Blocks."""
    for line in meminfo.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024 > _SPARE_BYTES
    return True
