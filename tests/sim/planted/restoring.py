"""Planted in what begins after a restore, and after days."""

from dataclasses import replace
from typing import Any

from errand_scheduler.keeping import restore_command
from errand_scheduler.keeping.retention import Retention
from errand_scheduler.lifecycle import turns
from errand_scheduler.timers import TaskTimers
from errand_scheduler.watching.cursors import Cursors
from tests.sim.planted.planting import Undo, bug, put

# Also what a module only imports is its own to look up.
_RESTORE: Any = restore_command


@bug
def _restore_keeps_the_epoch() -> Undo:
    """Cursors of before are taken for cursors of now."""
    return put(Cursors, read=lambda self, cursor, *, head: min(int(cursor.rpartition(".")[2] or 0), head))


@bug
def _restore_keeps_the_fences() -> Undo:
    real = _RESTORE.backup.begin_anew

    def begin_anew(database: Any, history: Any, *, now_us: int) -> None:
        real(database, replace(history, generation=0), now_us=now_us)

    return put(_RESTORE.backup, begin_anew=begin_anew)


@bug
def _offer_of_a_backup_is_accepted() -> Undo:
    return put(turns, precedes=lambda fence, generation: False)


@bug
def _record_goes_too_early() -> Undo:
    return put(Retention, _days_ago=lambda self, days: self._clock.now_us())


@bug
def _deadline_of_days_never_fires() -> Undo:
    return put(TaskTimers, due=lambda self: [])
