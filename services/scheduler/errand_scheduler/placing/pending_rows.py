"""Keeps the tasks that wait, as memory has them, equal to their rows."""

from errand_scheduler.placing.pending import Entry, PendingTasks
from errand_scheduler.store import pending as rows
from errand_scheduler.store.paging import Place
from errand_scheduler.store.pending import PendingTask
from errand_scheduler.store.reader import Reader

_PAGE = 500  # rows in one question, and tasks taken up without a pause
_FIRST = Place(time_us=-1, key="")


class PendingRows:
    """Reads what was noted as changed, and by and by everything again, whatever was noted."""

    def __init__(self, reader: Reader, pending: PendingTasks, *, page: int = _PAGE) -> None:
        self._reader = reader
        self._page = page
        self._pending = pending
        self._changed: dict[str, None] = {}
        self._after = _FIRST
        self._met: set[str] = set()

    def note(self, task_id: str) -> None:
        """The task, or an attempt of it, changed."""
        self._changed[task_id] = None

    async def load(self) -> None:
        """Take up everything."""
        while await self.look_again():
            continue

    async def look_again(self) -> bool:
        """Read the next page of everything; returns whether more of it follows."""
        found = await self._reader.all(rows.page(after=self._after, limit=self._page))
        for row in found:
            self._met.add(row.task_id)
            self._take_up(row)
        if len(found) == self._page:
            self._after = Place(time_us=found[-1].queue_time, key=found[-1].task_id)
            return True
        for entry in self._pending.entries():
            if entry.row.task_id not in self._met:
                self.note(entry.row.task_id)
        self._after, self._met = _FIRST, set()
        return False

    async def catch_up(self) -> list[Entry]:
        """Read what changed until now; returns the tasks that are new or otherwise than they were."""
        entries: list[Entry] = []
        changed, self._changed = list(self._changed), {}
        while changed:
            task_ids, changed = changed[: self._page], changed[self._page :]
            try:
                found = {row.task_id: row for row in await self._reader.all(rows.among(task_ids))}
            except BaseException:
                self._changed.update(dict.fromkeys([*task_ids, *changed]))
                raise
            for task_id in task_ids:
                if row := found.get(task_id):
                    entries.append(self._take_up(row))
                else:
                    self._pending.drop(task_id)
        return entries

    def _take_up(self, row: PendingTask) -> Entry:
        known = self._pending.entry(row.task_id)
        return known if known is not None and known.row == row else self._pending.put(row)
