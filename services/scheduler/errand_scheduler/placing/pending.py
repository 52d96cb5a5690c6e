"""The tasks that wait for a runner, kept in memory in the order in which they go."""

import heapq
from bisect import bisect_left, insort
from dataclasses import dataclass, field, replace

from errand_common.clock import Clock
from errand_scheduler.durations import Durations
from errand_scheduler.placing.placement import Line, Needs, Waiting
from errand_scheduler.placing.reasons import MODEL_KEY
from errand_scheduler.placing.seats import Labels
from errand_scheduler.store.pending import PendingTask

_Key = tuple[str, str, Needs]


@dataclass(slots=True)
class Entry:
    """A pending task. `needs` is what it asks for now: none while it rests after a failure or is offered already."""

    row: PendingTask
    waiting: Waiting
    seen_s: float
    needs: Needs | None = None


@dataclass(slots=True)
class _Group:
    user_id: str
    project_id: str
    line: Line
    tasks: list[Waiting] = field(default_factory=list)


class PendingTasks:
    """A cache of rows: whatever changes is read again (`put`, `drop`). Only what time alone changes is decided here."""

    def __init__(self, clock: Clock, durations: Durations) -> None:
        self._clock = clock
        self._durations = durations
        self._start_s = clock.boot_s()
        self._entries: dict[str, Entry] = {}
        self._groups: dict[_Key, _Group] = {}
        self._timers: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def entry(self, task_id: str) -> Entry | None:
        """The task, if it is pending."""
        return self._entries.get(task_id)

    def entries(self) -> list[Entry]:
        """All of them."""
        return list(self._entries.values())

    def groups(self) -> list[tuple[str, str, Line]]:
        """The lines of tasks that may go, each with its user and project."""
        return [(group.user_id, group.project_id, group.line) for group in self._groups.values()]

    def put(self, row: PendingTask) -> Entry:
        """Take up a task as it stands; the time that it has waited goes on where it was not queued anew."""
        old = self._entries.get(row.task_id)
        entry = self.sketch(row)
        if old is not None and old.row.queue_time == row.queue_time:
            entry.seen_s = old.seen_s
        self.drop(row.task_id)
        self._entries[row.task_id] = entry
        self._arrange(entry)
        return entry

    def sketch(self, row: PendingTask) -> Entry:
        """The entry that the task would have if it were seen now for the first time; it is not kept."""
        entry = Entry(row=row, waiting=_waiting(row), seen_s=self._clock.boot_s())
        entry.needs = self._needs(entry)
        return entry

    def drop(self, task_id: str) -> None:
        """The task waits no more."""
        entry = self._entries.pop(task_id, None)
        if entry is not None:
            self._leave(entry)

    def offered(self, task_id: str) -> None:
        """The task was offered to a runner: it stays pending, and is read again should nobody take it."""
        entry = self._entries.get(task_id)
        if entry is not None:
            self._leave(entry)
            entry.row = replace(entry.row, offered=True)

    def told(self, task_id: str, reason: str) -> None:
        """The task's row says so."""
        entry = self._entries.get(task_id)
        if entry is not None:
            entry.row = replace(entry.row, status_reason=reason)

    def ripen(self) -> None:
        """Rearrange those for which a time has passed."""
        now = self._clock.boot_s()
        while self._timers and self._timers[0][0] <= now:
            _, task_id = heapq.heappop(self._timers)
            if entry := self._entries.get(task_id):
                self._leave(entry)
                self._arrange(entry)

    @property
    def next_s(self) -> float | None:
        """When the next such time passes, on the clock since boot."""
        return self._timers[0][0] if self._timers else None

    def rested_s(self, entry: Entry) -> float:
        """When the task's rest after a failure is over."""
        return entry.seen_s + self.pause_s(entry.row)

    def pause_s(self, row: PendingTask) -> float:
        """How long a task rests before it is tried again."""
        return 2.0**row.retry_count * self._durations.beat_s if row.retry_count else 0.0

    @property
    def affinity_s(self) -> float:
        """How long a follow-up waits for the runner that has its workspace."""
        return self._durations.affinity_s

    def free_to_move_s(self, entry: Entry) -> float:
        """When the task stops waiting for the runner that has its workspace. After a start runners need a while to
        come back."""
        return max(self.rested_s(entry) + self._durations.affinity_s, self._start_s + 2 * self._durations.lease_s)

    def ahead(self, entry: Entry) -> int:
        """How many of the same user's tasks go before it."""
        return sum(
            bisect_left(group.tasks, entry.waiting.place, key=_place)
            for group in self._groups.values()
            if group.user_id == entry.row.user_id
        )

    def _arrange(self, entry: Entry) -> None:
        """Into the line of what it needs now, with a timer for when that changes by itself."""
        entry.needs = self._needs(entry)
        if entry.needs is not None:
            insort(self._group(entry).tasks, entry.waiting, key=_place)
        if not entry.row.offered and (entry.needs is None or entry.needs.only is not None):
            changes_s = self.rested_s(entry) if entry.needs is None else self.free_to_move_s(entry)
            heapq.heappush(self._timers, (changes_s, entry.row.task_id))

    def _needs(self, entry: Entry) -> Needs | None:
        now, last = self._clock.boot_s(), entry.waiting.last_runner_id
        if entry.row.offered or now < self.rested_s(entry):
            return None
        waits = last not in entry.waiting.failed_on and now < self.free_to_move_s(entry)
        return Needs(labels=wanted(entry.row), only=last if waits else None)

    def _leave(self, entry: Entry) -> None:
        if entry.needs is None:
            return
        group = self._group(entry)
        del group.tasks[bisect_left(group.tasks, entry.waiting.place, key=_place)]
        if not group.tasks:
            del self._groups[_key(entry)]
        entry.needs = None

    def _group(self, entry: Entry) -> _Group:
        key = _key(entry)
        if key not in self._groups:
            tasks: list[Waiting] = []
            line = Line(user_id=entry.row.user_id, needs=key[-1], tasks=tasks)
            self._groups[key] = _Group(entry.row.user_id, entry.row.project_id, line, tasks)
        return self._groups[key]


def _waiting(row: PendingTask) -> Waiting:
    return Waiting(
        task_id=row.task_id,
        user_id=row.user_id,
        queue_time=row.queue_time,
        last_runner_id=row.last_runner_id,
        failed_on=tuple(failure.runner_id for failure in row.failures),
    )


def wanted(row: PendingTask) -> Labels:
    """The labels that a runner must have for the task."""
    return tuple(sorted({*row.required_labels, MODEL_KEY}))


def _key(entry: Entry) -> _Key:
    assert entry.needs is not None
    return entry.row.user_id, entry.row.project_id, entry.needs


def _place(waiting: Waiting) -> tuple[int, str]:
    return waiting.place
