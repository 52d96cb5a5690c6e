"""The runners' disks: what was not synced may be lost, whole or torn, when the power goes."""

import fcntl
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.sim.process import CURRENT, Killed

_fsync, _unlink = os.fsync, os.unlink


class Disks:
    """Watches what is synced below one folder. In place of the kernel's own calls while a schedule runs."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        self._root, self._chance = str(root), chance
        self._synced: dict[int, int] = {}
        self._listed: dict[str, set[str]] = {}
        self._unlinked: dict[str, bytes] = {}
        self.kill_in: dict[str, int] = {}
        """Process name to after how many syncs, from now, it dies; it dies before the last is done."""
        self.full: dict[str, int] = {}
        """Names of processes whose disk takes no more events, and what it says."""
        self.no_blobs: int | None = None
        """What the scheduler's disk says to long content, if it takes none."""

    @contextmanager
    def installed(self) -> Iterator[None]:
        """While it lasts, the process's own file system calls are told to this."""
        os.fsync, os.unlink = self._on_fsync, self._on_unlink  # type: ignore[assignment]
        try:
            yield
        finally:
            os.fsync, os.unlink = _fsync, _unlink

    def power_off(self, folder: Path) -> None:
        """What was never synced goes, as the seed has it."""
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.is_symlink():
                continue
            state = path.stat()
            listed = self._listed.get(str(path.parent))
            if (listed is None or path.name not in listed) and self._synced.get(state.st_ino) is None:
                if self._chance.random() < 0.5:
                    _unlink(path)
                continue
            kept = self._synced.get(state.st_ino, 0)
            if state.st_size > kept:
                left = self._chance.randint(kept, state.st_size)
                os.truncate(path, left)
                self._synced[state.st_ino] = left
        for name in list(self._unlinked):
            path = Path(name)
            if path.is_relative_to(folder):
                content = self._unlinked.pop(name)
                if path.parent.is_dir() and not os.path.lexists(path) and self._chance.random() < 0.5:
                    path.write_bytes(content)
                    self._synced[path.stat().st_ino] = len(content)

    def _on_fsync(self, descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if not path.startswith(self._root):
            return
        if self.no_blobs is not None and path.startswith(f"{self._root}/scheduler/blobs/tmp/"):
            raise OSError(self.no_blobs, os.strerror(self.no_blobs))
        process = CURRENT.get()
        if process is not None and self._kills(process.name):
            if process.in_job:
                raise Killed
            process.kill()
            return
        if process is not None and (refusal := self.full.get(process.name)) and _is_content(descriptor, path):
            raise OSError(refusal, os.strerror(refusal))
        state = os.fstat(descriptor)
        if os.path.isdir(path):
            self._listed[path] = set(os.listdir(path))
            self._unlinked = {name: kept for name, kept in self._unlinked.items() if os.path.dirname(name) != path}
        else:
            self._synced[state.st_ino] = state.st_size

    def _kills(self, name: str) -> bool:
        left = self.kill_in.get(name)
        if left is None:
            return False
        self.kill_in[name] = left - 1
        if left > 1:
            return False
        del self.kill_in[name]
        return True

    def _on_unlink(self, path: object, *, dir_fd: int | None = None) -> None:
        name = os.fspath(path)  # type: ignore[call-overload]
        if dir_fd is None and str(name).startswith(self._root):
            listed = self._listed.get(os.path.dirname(str(name)))
            try:
                inode = os.stat(name).st_ino
                if listed is not None and os.path.basename(str(name)) in listed:
                    self._unlinked[str(name)] = Path(str(name)).read_bytes()[: self._synced.get(inode, 0)]
                self._synced.pop(inode, None)
            except OSError:
                pass
        _unlink(name, dir_fd=dir_fd)


def _is_content(descriptor: int, path: str) -> bool:
    """Whether something was added to the outbox, not only looked at."""
    added = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    return added and "outbox" in path.split(os.sep)[-4:-1]
