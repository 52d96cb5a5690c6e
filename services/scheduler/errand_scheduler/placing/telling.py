"""Stores why tasks wait, where their rows say something else."""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

from errand_scheduler.lifecycle import deadlines
from errand_scheduler.placing.outlook import Outlook
from errand_scheduler.placing.pending import Entry, PendingTasks
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.writer import Writer

_WINDOW = 5_000  # tasks looked at in one look around; the next one goes on behind them
_STEP = 500  # of them without letting others go on
_DIFFERENT = 500  # found in one look around: when a runner goes, what concerns thousands is told over some beats
_AT_ONCE = 50  # told in one operation


class Telling:
    """Only changes are written, a few at a time."""

    def __init__(self, writer: Writer, pending: PendingTasks, *, window: int = _WINDOW) -> None:
        self._writer = writer
        self._window = window
        self._pending = pending
        self._untold: dict[str, None] = {}
        self._looked_up_to = 0

    @property
    def more(self) -> bool:
        """Whether some task may have to be told something."""
        return bool(self._untold)

    def look_at(self, entries: Iterable[Entry]) -> None:
        """These are new or otherwise than they were."""
        for entry in entries:
            self._untold[entry.row.task_id] = None

    async def look_around(self, outlook: Outlook) -> None:
        """Look for tasks whose reason became another while nothing happened to them."""
        entries = self._pending.entries()[self._looked_up_to :]
        window = entries[: self._window]
        self._looked_up_to = 0 if len(window) == len(entries) else self._looked_up_to + self._window
        found = 0
        for start in range(0, len(window), _STEP):
            different = [entry for entry in window[start : start + _STEP] if _differs(entry, outlook)]
            self.look_at(different)
            found += len(different)
            if found >= _DIFFERENT:
                return
            await asyncio.sleep(0)

    async def tell_some(self, outlook: Outlook) -> None:
        """Store the next few."""
        task_ids = list(self._untold)[:_AT_ONCE]
        entries = [entry for task_id in task_ids if (entry := self._pending.entry(task_id))]
        told = [(entry.row.task_id, outlook.reason(entry)) for entry in entries if _differs(entry, outlook)]
        if told:
            await self._writer.write(partial(_say_why, told=told))
        for task_id in task_ids:
            self._untold.pop(task_id, None)
        for task_id, reason in told:
            self._pending.told(task_id, reason)


def _differs(entry: Entry, outlook: Outlook) -> bool:
    return outlook.reason(entry) != entry.row.status_reason


def _say_why(tx: Tx, told: Sequence[tuple[str, str]]) -> None:
    for task_id, reason in told:
        deadlines.say_why(tx, task_id, reason=reason)
