"""Cursors: `epoch.event_id`, the same on every surface. One of another history is answered with a reset."""

from dataclasses import dataclass

from errand_common.errors import Invalid


@dataclass(frozen=True)
class Cursors:
    """Writes and reads the cursors of one history."""

    epoch: str

    def write(self, event_id: int) -> str:
        """The cursor of an event."""
        return f"{self.epoch}.{event_id}"

    def read(self, cursor: str, *, head: int) -> int | None:
        """The event that a cursor names, 0 for an empty one; none if it is not of this history or lies beyond its
        newest event. Raises Invalid for what never was a cursor."""
        if not cursor:
            return 0
        epoch, _, event_id = cursor.rpartition(".")
        if not epoch or not event_id.isascii() or not event_id.isdecimal() or len(event_id) > 18:
            raise Invalid(f'"{cursor[:64]}" is not a cursor; use one from an event, or leave it empty')
        number = int(event_id)
        return number if epoch == self.epoch and number <= head else None
