"""Room on a disk, looked at before new work is taken."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GIB = 1 << 30
_UNITS = ((GIB, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def free_bytes(path: Path) -> int:
    """What an ordinary user may still write on the disk of `path`. Raises OSError."""
    return shutil.disk_usage(path).free


@dataclass(frozen=True)
class Room:
    """What must be free on the disks of `paths`; 0 asks for nothing. Those that are not seen from here are left out."""

    paths: tuple[Path, ...]
    wanted_bytes: int
    free_bytes: Callable[[Path], int] = free_bytes

    def shortage(self) -> str | None:
        """In words, what is too full and what to do; none where there is room. It reads the file system: it blocks."""
        if self.wanted_bytes == 0:
            return None
        for path in self.paths:
            free = self._free(path)
            if free is not None and free < self.wanted_bytes:
                return (
                    f"the disk of {path} is nearly full: {in_words(free)} are free,"
                    f" ERRAND_MIN_FREE_BYTES asks for {in_words(self.wanted_bytes)};"
                    " free some (`docker system df` tells what Docker holds) or lower ERRAND_MIN_FREE_BYTES"
                )
        return None

    def free(self) -> int | None:
        """What the fullest of the disks has free; None where none is seen. It blocks."""
        return min((free for path in self.paths if (free := self._free(path)) is not None), default=None)

    def _free(self, path: Path) -> int | None:
        try:
            return self.free_bytes(path)
        except OSError:
            return None


def in_words(size_bytes: int) -> str:
    """As people read sizes: 1.5 GiB."""
    for unit_bytes, name in _UNITS:
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.1f} {name}"
    return f"{size_bytes} bytes"
