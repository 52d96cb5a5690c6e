"""The logs of all attempts that this runner holds: also its memory of which it has accepted."""

import asyncio
import re
import shutil
from pathlib import Path

from errand_common.ids import is_id
from errand_runner.outbox.budget import Budget, Limits
from errand_runner.outbox.disk import Disk, sync_folder
from errand_runner.outbox.log import Log, Store
from errand_runner.outbox.recovery import recover, report_damage
from errand_runner.outbox.tail import Record
from errand_runner.outbox.thread import DiskThread

_FILE = re.compile(r"^(?P<attempt_id>att_[0-9a-z]{26})\.(?P<fence>\d+)$")
_BLOBS = "blobs"


class Outbox:
    """One log for each attempt, in one folder."""

    def __init__(self, folder: Path, *, disk: Disk | None = None, limits: Limits | None = None) -> None:
        """Recovers the logs that an earlier process left in `folder`. It blocks. Raises OSError where the folder
        cannot be used; a log that cannot be read is reported and left out."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.changed = asyncio.Event()
        """Set when there is more to send."""
        self.logs: dict[str, Log] = {}
        self._folder, self._disk = folder, disk or Disk()
        self._store = Store(DiskThread(self._disk), Budget(limits or Limits()), self.changed)
        for path in sorted(folder.iterdir()):
            if _FILE.match(path.name):
                self._recover(path)
        self._remove_orphans()

    @property
    def blocked(self) -> bool:
        """Whether attempts wait for room, on the disk or in what may be unacknowledged: this runner takes no more."""
        return self._store.thread.full or self._store.budget.waiting > 0

    def hold(self, attempt_id: str, fence: int) -> Log:
        """Remember an attempt durably, before it is accepted. The same one again returns its log. It blocks for as
        long as the disk takes to note a new file. Raises OSError."""
        assert is_id(attempt_id, "att")
        if (log := self.logs.get(attempt_id)) is not None and log.fence == fence:
            return log
        self.forget(attempt_id)
        log = self._open(self._folder / f"{attempt_id}.{fence}", [])
        sync_folder(self._folder)
        return log

    def forget(self, attempt_id: str) -> None:
        """Drop an attempt that is over for the scheduler. Unknown ones are ignored."""
        if (log := self.logs.pop(attempt_id, None)) is not None:
            log.drop()
            (self._folder / f"{log.attempt_id}.{log.fence}").unlink(missing_ok=True)

    def close(self) -> None:
        """Wait for the disk, then let go of the files. It blocks."""
        self._store.thread.close()
        for log in self.logs.values():
            log.close()

    def _recover(self, path: Path) -> None:
        try:
            # Before anything of it is sent: what is acknowledged must still be here after a loss of power.
            self._disk.settle(path)
            self._open(path, recover(path))
        except OSError as exc:
            report_damage(path, f"it cannot be read: {exc.strerror}")

    def _open(self, path: Path, recovered: list[Record]) -> Log:
        attempt_id, _, fence = path.name.partition(".")
        blobs = self._folder / _BLOBS / attempt_id
        log = Log(path, recovered, fence=int(fence), blobs=blobs, store=self._store)
        self.logs[log.attempt_id] = log
        return log

    def _remove_orphans(self) -> None:
        """The blobs of attempts that were forgotten in the moment in which an earlier process ended."""
        folder = self._folder / _BLOBS
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.name not in self.logs:
                shutil.rmtree(path, ignore_errors=True)
