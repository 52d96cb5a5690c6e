"""A disk that can be filled up, and emptied again, under a running process."""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_SIZE_KIB = 8 * 1024


@dataclass(frozen=True)
class SmallDisk:
    """`fill` takes the pid of the process that must find no room any more, and `free` gives it room again."""

    folder: Path
    fill: Callable[[int], None]
    free: Callable[[int], None]


@contextmanager
def small_disk(folder: Path, *, size_kib: int = _SIZE_KIB) -> Iterator[SmallDisk]:
    """Root gets a real one. Others, who may not mount, get a limit on how large the process's files grow: it fails
    writes with EFBIG in place of ENOSPC."""
    folder.mkdir()
    if os.geteuid() != 0:
        yield SmallDisk(folder, _limit(folder), _unlimit)
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", folder], check=True)
    try:
        filler = folder / "filler"
        yield SmallDisk(folder, lambda _: _fill(filler), lambda _: filler.unlink())
    finally:
        subprocess.run(["umount", folder], check=True)


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def _limit(folder: Path) -> Callable[[int], None]:
    def limit(pid: int) -> None:
        smallest = min(path.stat().st_size for path in folder.glob("errand.db*"))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (smallest, resource.RLIM_INFINITY))

    return limit


def _unlimit(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
