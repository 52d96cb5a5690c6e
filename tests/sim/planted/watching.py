"""Planted in the way of events to those who watch."""

from errand_scheduler.watching.cursors import Cursors
from errand_scheduler.watching.hub import Hub
from tests.sim.planted.planting import Undo, bug, put


@bug
def _cursor_off_by_one() -> Undo:
    real = Cursors.read

    def read(self: Cursors, cursor: str, *, head: int) -> int | None:
        number = real(self, cursor, head=head)
        return min(number + 1, head) if number else number

    return put(Cursors, read=read)


@bug
def _cursor_one_too_low() -> Undo:
    real = Cursors.read

    def read(self: Cursors, cursor: str, *, head: int) -> int | None:
        number = real(self, cursor, head=head)
        return number - 1 if number else number

    return put(Cursors, read=read)


@bug
def _watcher_not_woken() -> Undo:
    return put(Hub, stored=lambda self, *_, **__: None)
