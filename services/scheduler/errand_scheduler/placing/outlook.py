"""Why each waiting task waits, as things stand at one moment."""

from collections.abc import Callable, Mapping, Sequence

from errand_scheduler.access.rights import Answer, Right
from errand_scheduler.placing import reasons
from errand_scheduler.placing.pending import Entry, PendingTasks
from errand_scheduler.placing.placement import Needs, waits_for_its_runner
from errand_scheduler.placing.seats import Seat

Known = Callable[[str, str], Answer | None]
"""What is known of a user's right to a project."""
When = Callable[[float, float], str]
"""How to speak of a time: from when it comes, on the clock since boot, and how long it is in all."""


class Outlook:
    """The runners, what each user has at work and may have, and the rights that are known."""

    def __init__(
        self, pending: PendingTasks, *, seats: Sequence[Seat], live: Mapping[str, int], most_live: int, known: Known
    ) -> None:
        self.seats = seats
        self.live = live
        self._pending = pending
        self._most_live = most_live
        self._known = known
        self._told: dict[Needs, str] = {}

    def reason(self, entry: Entry) -> str:
        """Why the task waits, in words that stay true while nothing but time passes: they are stored."""
        if entry.needs is not None and entry.needs not in self._told:
            self._told[entry.needs] = reasons.why(entry.needs, self.seats, when=_at_last(0.0, self._pending.affinity_s))
        return self._first(entry, _at_last) or (self._told[entry.needs] if entry.needs else entry.row.status_reason)

    def explanation(self, entry: Entry, *, now_s: float) -> str:
        """The same to somebody who asks now."""

        def when(comes_s: float, _whole_s: float) -> str:
            return f"in {max(comes_s - now_s, 0):.0f} s"

        if first := self._first(entry, when):
            return first
        if entry.needs is None:
            return entry.row.status_reason
        return reasons.why(entry.needs, self.seats, when=when(self._pending.free_to_move_s(entry), 0.0))

    def kind(self, entry: Entry) -> str:
        """The same in a word, of few: what operators count by."""
        if entry.row.offered:
            return "offered"
        if entry.needs is None:
            return "resting"
        answer = self._known(entry.row.user_id, entry.row.project_id)
        if answer is None or answer.right is not Right.PUSH:
            return "rights"
        return "limit" if self._at_limit(entry.row.user_id) else "runners"

    def waits_for_its_runner(self, needs: Needs) -> bool:
        """Whether the runner with the workspace is the only one that will do for now."""
        return waits_for_its_runner(needs, {seat.runner_id: seat for seat in self.seats})

    def _first(self, entry: Entry, when: When) -> str:
        """What stands in the way whatever the runners are."""
        row = entry.row
        if row.offered:
            return row.status_reason
        if entry.needs is None:
            time = when(self._pending.rested_s(entry), self._pending.pause_s(row))
            return reasons.trying_again(row.failures[0].reason if row.failures else "", when=time)
        answer = self._known(row.user_id, row.project_id)
        if answer is None:
            return row.status_reason
        if answer.right is not Right.PUSH:
            return answer.words
        return reasons.at_limit(self._most_live) if self._at_limit(row.user_id) else ""

    def _at_limit(self, user_id: str) -> bool:
        return self.live.get(user_id, 0) >= self._most_live


def _at_last(_comes_s: float, whole_s: float) -> str:
    return f"after {whole_s:g} s"
