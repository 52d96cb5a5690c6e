"""Secrets that earlier attempts of a task were lent: their files may hold a value that was replaced since."""

from collections.abc import Iterable, Sequence

MOST_TASKS = 64
"""Of those that were lent something last; more than a host keeps workspaces of."""
MOST_BYTES = 256 * 1024
"""Of one task's values, the newest first: four times as much as a project may have."""


class LentBefore:
    """By task, in this process's memory and nowhere else. Its repr shows none of the values."""

    def __init__(self) -> None:
        self._by_task: dict[str, tuple[str, ...]] = {}

    def __repr__(self) -> str:
        return f"LentBefore({len(self._by_task)} tasks)"

    def of(self, task_id: str) -> Sequence[str]:
        """All that is known, the newest first."""
        return self._by_task.get(task_id, ())

    def note(self, task_id: str, values: Iterable[str]) -> None:
        """The task's attempt was lent these. The oldest are forgotten where there are too many."""
        known = dict.fromkeys((*values, *self._by_task.pop(task_id, ())))
        kept, size = [], 0
        for value in known:
            size += len(value.encode())
            if size > MOST_BYTES:
                break
            kept.append(value)
        if kept:
            self._by_task[task_id] = tuple(kept)
        while len(self._by_task) > MOST_TASKS:
            del self._by_task[next(iter(self._by_task))]
