"""The files of the outbox: numbered segments, of which the newest grows. Another begins when that is long enough."""

import os
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from errand_common.durable import sync_folder
from errand_runner.outbox.disk import Disk, is_full
from errand_runner.outbox.entries import State, to_bytes
from errand_runner.outbox.frames import frame

SEGMENT_BYTES = 8 * 1024 * 1024
"""How long a segment gets: what is acknowledged stays on the disk for about so long."""

_FILE = re.compile(r"^(\d{12})\.log$")


class Segments:
    """Belongs to the thread of the disk, but for `full`. What writes blocks, and raises OSError."""

    def __init__(self, folder: Path, disk: Disk, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder, self._disk, self._segment_bytes = folder, disk, segment_bytes
        self._descriptor = -1
        self._offset = 0
        self.number = max((number_of(path) for path in paths(folder)), default=0)
        """The segment that grows."""
        self.full = True
        """Whether what comes next begins another segment."""

    def begin(self, state: State, data: bytes, *, needed: Collection[int]) -> int:
        """Begin the next segment with what is held and the first entries; returns its number. Of the older segments
        only the `needed` ones are left."""
        self.number += 1
        descriptor = os.open(self._path(self.number), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            first = frame(to_bytes(state)) + data
            self._disk.append(descriptor, 0, first)
            sync_folder(self._folder)
        except OSError:
            os.close(descriptor)
            with suppress(OSError):
                self._path(self.number).unlink()
            raise
        self.close()
        self._descriptor, self._offset = descriptor, len(first)
        self._look_at_length()
        self._remove_all_but({*needed, self.number})
        return self.number

    def append(self, data: bytes) -> int:
        """Add entries to the segment that grows; returns its number."""
        try:
            self._disk.append(self._descriptor, self._offset, data)
        except OSError as exc:
            # Of a disk that broke nobody knows what it has: nothing is written behind that.
            self.full = self.full or not is_full(exc)
            raise
        self._offset += len(data)
        self._look_at_length()
        return self.number

    def close(self) -> None:
        """Let go of the file; it stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _look_at_length(self) -> None:
        self.full = self._offset >= self._segment_bytes

    def _remove_all_but(self, needed: Collection[int]) -> None:
        for path in paths(self._folder):
            if number_of(path) not in needed:
                # What stays behind goes with the next segment.
                with suppress(OSError):
                    path.unlink()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}.log"


def paths(folder: Path) -> list[Path]:
    """The segments in a folder, the oldest first."""
    return sorted(path for path in folder.iterdir() if _FILE.match(path.name))


def number_of(path: Path) -> int:
    """A segment's number, which rises."""
    return int(path.stem)
