"""Why a task waits, in words: pure functions that placement and explanations share."""

from collections.abc import Sequence

from errand_common import labels
from errand_scheduler.placing.placement import Needs, waits_for_its_runner
from errand_scheduler.placing.seats import (
    BUSY,
    CONNECTING,
    NOT_CONNECTED,
    SILENT,
    Labels,
    Seat,
    obstacle,
    shown,
)

NO_RUNNER = "no runner is connected"
ALL_BUSY = "every runner is busy"
NOT_TRIED = "looking for a runner"

MODEL_KEY = (labels.MODEL_KEY, labels.YES)
"""What every task asks of a runner."""

_AWAY = (NOT_CONNECTED, CONNECTING, SILENT)
_NAMED = 3  # runners in a reason: more are counted


def at_limit(most_live: int) -> str:
    """The user has as much at work as one person may."""
    tasks = "1 task" if most_live == 1 else f"{most_live} tasks"
    return f"you have {tasks} running, the most that this Errand runs for one person"


def trying_again(failure: str, *, when: str) -> str:
    """The task failed before it began; `when` is "in 8 s" or "after 10 s"."""
    return f"trying again {when}; the last try failed: {failure or 'it could not begin'}"


def why(needs: Needs, seats: Sequence[Seat], *, when: str) -> str:
    """Why no runner takes such a task now; `when` says when it stops waiting for the one with its workspace."""
    by_id = {seat.runner_id: seat for seat in seats}
    if waits_for_its_runner(needs, by_id):
        seat = by_id.get(needs.only or "")
        state = obstacle(seat, needs.labels) if seat else NOT_CONNECTED
        if state:
            return f"the runner that has its workspace {state}; elsewhere {when}"
    return _why_none(needs.labels, seats)


def _why_none(wanted: Labels, seats: Sequence[Seat]) -> str:
    present = [seat for seat in seats if seat.condition not in _AWAY]
    if not present:
        return NO_RUNNER
    fitting = [seat for seat in present if seat.fits(wanted)]
    if not fitting:
        return f"no runner has the labels {shown(_scarce(wanted, present))}"
    states = {obstacle(seat, wanted): seat for seat in fitting}
    if "" in states:
        return NOT_TRIED
    if set(states) == {BUSY}:
        return ALL_BUSY if len(fitting) == len(present) else f"every runner with the labels {_asked(wanted)} is busy"
    unable = [seat for seat in fitting if obstacle(seat, wanted) != BUSY]
    return _listed(unable, wanted, others_busy=len(unable) < len(fitting))


def _scarce(wanted: Labels, seats: Sequence[Seat]) -> Labels:
    """The labels that nobody has; all of them where each is had by somebody, and all by nobody."""
    return tuple(label for label in wanted if not any(label in seat.labels for seat in seats)) or wanted


def _asked(wanted: Labels) -> str:
    """Without the one that every task asks for."""
    return shown([label for label in wanted if label != MODEL_KEY])


def _listed(seats: Sequence[Seat], wanted: Labels, *, others_busy: bool) -> str:
    named = [f"{seat.name} {obstacle(seat, wanted)}" for seat in seats[:_NAMED]]
    if len(seats) > _NAMED:
        named.append(f"and {len(seats) - _NAMED} more")
    start = "every other runner is busy" if others_busy else "no runner can take it"
    return f"{start}: {', '.join(named)}"
