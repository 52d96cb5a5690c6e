"""Which sandbox belongs to which attempt, on disk, for the process that comes after this one."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from errand_common.durable import put
from errand_common.ids import is_id


@dataclass(frozen=True)
class Entry:
    """A sandbox of an attempt. `container_id` is empty until its container runs: it may exist all the same."""

    sandbox_id: str
    attempt_id: str
    container_id: str = ""


class JournalFailed(Exception):
    """A sandbox could not be written down; the message says why. It must not be made."""


class Journal:
    """One small file for each sandbox, written before its container is made and deleted after that is gone.

    What writes returns when it is on disk; it blocks, and raises JournalFailed.
    """

    def __init__(self, folder: Path) -> None:
        """Recovers what an earlier process left in `folder`."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._entries = {entry.sandbox_id: entry for path in sorted(folder.iterdir()) if (entry := _read(path))}
        self._left = dict(self._entries)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All that is written down."""
        return tuple(self._entries.values())

    def find(self, sandbox_id: str) -> Entry | None:
        """What is written down of a sandbox."""
        return self._entries.get(sandbox_id)

    def at_work(self, sandbox_id: str) -> bool:
        """Whether this process opened the sandbox, or took it up."""
        return sandbox_id in self._entries and sandbox_id not in self._left

    def take_up(self, attempt_id: str) -> Entry | None:
        """What an earlier process left of the attempt, once: from now on it is this one's."""
        found = [entry for entry in self._left.values() if entry.attempt_id == attempt_id]
        for entry in found[-1:]:
            del self._left[entry.sandbox_id]
            return entry
        return None

    def prepare(self, entry: Entry) -> None:
        """A container is about to be made."""
        self._write(entry)

    def created(self, sandbox_id: str, container_id: str) -> None:
        """It runs."""
        self._write(replace(self._entries[sandbox_id], container_id=container_id))

    def forget(self, sandbox_id: str) -> None:
        """Nothing is left of it. Idempotent; raises nothing: an entry without a container does no harm."""
        self._entries.pop(sandbox_id, None)
        self._left.pop(sandbox_id, None)
        self._path(sandbox_id).unlink(missing_ok=True)

    def _write(self, entry: Entry) -> None:
        path = self._path(entry.sandbox_id)
        try:
            put(path, json.dumps(asdict(entry)).encode())
        except OSError as exc:
            raise JournalFailed(f"{path}: {exc.strerror}; see to the disk that holds ERRAND_DATA") from exc
        self._entries[entry.sandbox_id] = entry

    def _path(self, sandbox_id: str) -> Path:
        return self._folder / f"{sandbox_id}.json"


def _read(path: Path) -> Entry | None:
    """None, and nothing is left of it, where a process was killed in mid-write: then no container was asked for."""
    if path.suffix == ".json" and is_id(path.stem, "sbx"):
        return Entry(**json.loads(path.read_text()))
    path.unlink()
    return None
