"""The logs of all attempts that this runner holds: also its memory of which it has accepted."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from errand_common.durable import sync_folder
from errand_common.ids import is_id
from errand_runner.outbox.budget import AheadLimits, Budget
from errand_runner.outbox.disk import Disk
from errand_runner.outbox.entries import Held, State
from errand_runner.outbox.log import Log, Store
from errand_runner.outbox.recovered import Recovered
from errand_runner.outbox.recovery import recover
from errand_runner.outbox.segments import SEGMENT_BYTES, Segments, paths
from errand_runner.outbox.tail import Tail
from errand_runner.outbox.thread import DiskThread

_BLOBS = "blobs"


class Outbox:
    """One log for each attempt, in one folder."""

    def __init__(
        self,
        folder: Path,
        *,
        disk: Disk | None = None,
        limits: AheadLimits | None = None,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """Recovers the logs that an earlier process left in `folder`. It blocks. Raises OSError where the folder
        cannot be used; what of it cannot be read is reported and left out."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.changed = asyncio.Event()
        """Set when there is more to send."""
        self.logs: dict[str, Log] = {}
        self.on_forget: Callable[[str], None] = lambda attempt_id: None
        """Hears of each attempt that is forgotten."""
        self._folder, disk = folder, disk or Disk()
        self._segments = Segments(folder, disk, segment_bytes=segment_bytes)
        thread = DiskThread(disk)
        tail = Tail(self._segments, thread, held=self._held, needed=self._needed)
        self._store = Store(tail, thread, Budget(limits or AheadLimits()), self.changed)
        sync_folder(folder)
        for found in recover(paths(folder), settle=disk.settle).values():
            self._open(found)
        self._remove_orphans()

    @property
    def blocked(self) -> bool:
        """Whether attempts wait for room, on the disk or in what may be unacknowledged: this runner takes no more."""
        return self._store.thread.full or self._store.budget.waiting > 0

    @property
    def ahead_bytes(self) -> int:
        """What is written and not acknowledged, blobs included."""
        return self._store.budget.used_bytes

    @property
    def ahead_events(self) -> int:
        """How many events that are."""
        return sum(log.last_sequence - log.acked_sequence for log in self.logs.values())

    def hold(self, attempt_id: str, fence: int) -> Log:
        """Write an attempt down, before it is accepted: once its log is `noted`, that is remembered durably. The same
        one again returns its log."""
        assert is_id(attempt_id, "att")
        if (log := self.logs.get(attempt_id)) is not None and log.fence == fence:
            return log
        self.forget(attempt_id)
        log = self._open(Recovered(Held(attempt_id, fence)))
        log.note()
        return log

    def forget(self, attempt_id: str) -> None:
        """Drop an attempt that is over for the scheduler. Unknown ones are ignored."""
        if (log := self.logs.pop(attempt_id, None)) is not None:
            log.drop()
            self.on_forget(attempt_id)

    def close(self) -> None:
        """Wait for the disk, then let go of the files. It blocks."""
        self._store.thread.close()
        self._segments.close()

    def _held(self) -> State:
        return State(tuple(log.held for log in self.logs.values()))

    def _needed(self) -> set[int]:
        return set().union(*(log.segments for log in self.logs.values()))

    def _open(self, found: Recovered) -> Log:
        log = Log(found, blobs=self._folder / _BLOBS / found.held.attempt_id, store=self._store)
        self.logs[log.attempt_id] = log
        return log

    def _remove_orphans(self) -> None:
        """The blobs of attempts that were forgotten in the moment in which an earlier process ended."""
        folder = self._folder / _BLOBS
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.name not in self.logs:
                shutil.rmtree(path, ignore_errors=True)
