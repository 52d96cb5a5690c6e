"""An attempt as it stands in the segments that an earlier process left."""

from bisect import bisect_right
from dataclasses import dataclass, field

from errand_runner.outbox.entries import Held
from errand_runner.outbox.records import Record


@dataclass
class Recovered:
    """An attempt, with its events that may not be with the scheduler yet, and the segment in which each stands."""

    held: Held
    records: list[Record] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)

    def follow(self, record: Record, segment: int) -> None:
        """Add an event. It counts over what has its number or a later one: who wrote it knew of nothing there."""
        while self.records and self.records[-1].sequence >= record.sequence:
            self.records.pop()
            self.segments.pop()
        self.records.append(record)
        self.segments.append(segment)

    def gone_on(self, held: Held) -> "Recovered":
        """The same once it is held so: without what is acknowledged."""
        if self.held.fence != held.fence:
            return Recovered(held)
        acked = bisect_right(self.records, held.acked_sequence, key=_sequence)
        return Recovered(held, self.records[acked:], self.segments[acked:])

    def without_hole(self) -> "Recovered":
        """The same up to the first event that is missing."""
        whole = 0
        while whole < len(self.records) and self.records[whole].sequence == self.held.acked_sequence + whole + 1:
            whole += 1
        return Recovered(self.held, self.records[:whole], self.segments[:whole])


def _sequence(record: Record) -> int:
    return record.sequence
