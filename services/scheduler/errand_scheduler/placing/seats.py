"""What stands between a task and each runner, in words."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from errand_common import labels as label_words

Labels = tuple[tuple[str, str], ...]
"""Labels as pairs, sorted: they serve as keys."""

NOT_CONNECTED = "is not connected"
CONNECTING = "is just connecting"
SILENT = "is not heard of"
QUARANTINED = "is in quarantine, because two processes act as it"
CORDONED = "is cordoned"
DRAINING = "is being drained"
LEAVING = "leaves for good"
ILL = "could not begin its last 3 tasks and rests for a while"
RESTING = "does not take what it is offered and rests for a while"
LACKS_ROOM = "has too little room on its disk"
REVOKED = "may not come any more: its credential is revoked"
NO_SLOTS = "takes no tasks (its ERRAND_SLOTS is 0)"
BUSY = "is busy"

OUT_OF_SERVICE = (CORDONED, DRAINING, LEAVING)
"""What an operator wants of it: there is no point in waiting for its end."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A runner as placement sees it. `condition` says why it gets nothing at all; empty where it may get something.
    `let_pass` are the tasks that it was offered and did not take."""

    runner_id: str
    name: str
    slots: int
    free: int
    labels: Labels = ()
    condition: str = ""
    let_pass: Set[str] = frozenset()

    def fits(self, wanted: Labels) -> bool:
        """Whether it has all these labels."""
        return all(label in self.labels for label in wanted)

    def with_less(self, taken: int) -> "Seat":
        """The same with fewer slots free."""
        return replace(self, free=self.free - taken) if taken else self


def obstacle(seat: Seat, wanted: Labels) -> str:
    """Why this runner is not offered a task that wants these labels; empty where it could be."""
    if seat.condition:
        return seat.condition
    if lacking := tuple(label for label in wanted if label not in seat.labels):
        return f"lacks the labels {shown(lacking)}"
    if seat.slots <= 0:
        return NO_SLOTS
    return BUSY if seat.free <= 0 else ""


def shown(labels: Sequence[tuple[str, str]]) -> str:
    """As people read them."""
    return label_words.shown(dict(labels))
