"""Which workspace belongs to which task, on disk: a volume may be made before it is known whose it will be."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import structlog

from errand_common.clock import Clock
from errand_common.durable import put
from errand_common.ids import is_id
from errand_runner.journal import JournalFailed


@dataclass(frozen=True)
class Holding:
    """A task has a workspace: since when, and when it last had a container on it (UTC microseconds).

    `saved`: all that is worth keeping of it is at the git host, as far as is known.
    """

    task_id: str
    workspace_id: str
    since_us: int
    used_us: int
    saved: bool = True


class Book:
    """One small file for each task that has a workspace, written before the workspace is used for it.

    So whenever a process is killed: no workspace is two tasks', one that a task has is known, and one that is not in
    the book is nobody's. What writes returns when it is on disk; it blocks, and raises JournalFailed.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Recovers what an earlier process left in `folder`."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._clock = folder, clock
        self._holdings: dict[str, Holding] = {}
        self._in_use: Counter[str] = Counter()
        self.whole = True
        """Whether all of it could be read. If not, a workspace that it does not name may be somebody's all the same."""
        for path in sorted(folder.iterdir()):
            self._recover(path)

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """All that is written down."""
        return tuple(self._holdings.values())

    def of(self, task_id: str) -> Holding | None:
        """What a task has."""
        return self._holdings.get(task_id)

    def names(self, workspace_id: str) -> bool:
        """Whether a task has this workspace."""
        return any(each.workspace_id == workspace_id for each in self.holdings)

    def give(self, task_id: str, workspace_id: str) -> Holding:
        """From now on the task has this workspace, which nobody has. One that it had before is nobody's."""
        assert is_id(task_id, "tsk")
        assert not self.names(workspace_id)
        now_us = self._clock.now_us()
        return self._write(Holding(task_id, workspace_id, since_us=now_us, used_us=now_us))

    def restore(self, holding: Holding) -> None:
        """As it was before it was forgotten."""
        assert self.of(holding.task_id) is None
        assert not self.names(holding.workspace_id)
        self._write(holding)

    def used(self, task_id: str) -> None:
        """Its workspace has, or had, a container at this moment. Without a workspace, nothing."""
        if (holding := self.of(task_id)) is not None:
            self._write(replace(holding, used_us=self._clock.now_us()))

    def note_saved(self, task_id: str, saved: bool) -> None:
        """Whether the git host has all of the task's workspace: not from when work in it begins until that is saved in
        the end. Without a workspace, nothing."""
        holding = self.of(task_id)
        if holding is not None and holding.saved != saved:
            self._write(replace(holding, saved=saved))

    def forget(self, task_id: str) -> None:
        """The task has none any more. Idempotent; raises nothing: an entry without a volume does no harm."""
        self._holdings.pop(task_id, None)
        self._path(task_id).unlink(missing_ok=True)

    @contextmanager
    def in_use(self, task_id: str) -> Iterator[None]:
        """While the context lasts, an attempt works in the task's workspace, or is about to."""
        self._in_use[task_id] += 1
        try:
            yield
        finally:
            self._in_use[task_id] -= 1
            self._in_use += Counter()

    def is_in_use(self, task_id: str) -> bool:
        """Whether an attempt of this process works in the task's workspace, or is about to."""
        return self._in_use[task_id] > 0

    def _write(self, holding: Holding) -> Holding:
        path = self._path(holding.task_id)
        try:
            put(path, json.dumps(asdict(holding)).encode())
        except OSError as exc:
            raise JournalFailed(f"{path}: {exc.strerror}; see to the disk that holds ERRAND_DATA") from exc
        self._holdings[holding.task_id] = holding
        return holding

    def _recover(self, path: Path) -> None:
        if path.name.startswith("."):
            # A process was killed in mid-write; what it replaces still stands.
            path.unlink()
            return
        try:
            holding = _holding(json.loads(path.read_bytes()), path.stem)
            if self.names(holding.workspace_id):
                raise ValueError(f"{holding.workspace_id} is another task's already")
        except (OSError, ValueError, TypeError, KeyError) as exc:
            advice = "move it away; until then no workspace is removed that is not in the book"
            structlog.get_logger().error("workspace_record_unreadable", path=str(path), error=repr(exc), advice=advice)
            self.whole = False
            return
        self._holdings[holding.task_id] = holding

    def _path(self, task_id: str) -> Path:
        return self._folder / f"{task_id}.json"


def _holding(found: dict[str, object], task_id: str) -> Holding:
    """Raises ValueError, TypeError or KeyError for what no book wrote."""
    match found:
        case {"task_id": str(), "workspace_id": str(workspace_id), "since_us": int(since_us), "used_us": int(used_us)}:
            if found["task_id"] == task_id:
                # A record of before it was noted says nothing of it.
                saved = found.get("saved") is True
                return Holding(task_id, workspace_id, since_us=since_us, used_us=used_us, saved=saved)
    raise ValueError(f"this says nothing of {task_id}'s workspace")
