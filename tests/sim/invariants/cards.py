"""Cards: an attempt that did what it could leaves one, in the same commit; what a person stopped does not."""

from collections.abc import Mapping, Sequence

from errand.v1 import event_pb2
from tests.sim.breach import Breach
from tests.sim.invariants.ledger import FINAL, Ledger, Row

_STOPPED = "SELECT stop_cause = 'person' FROM attempts WHERE attempt_id = ?"
_STORED = "SELECT finish_card FROM judgements WHERE task_id = ?"


def check(ledger: Ledger, attempts: Mapping[str, Row], events: Sequence[Row]) -> None:
    """Look at what a commit added; before the attempts' rows are remembered."""
    told = {event[2]: event for event in events if event[4] == "work_finished"}
    for attempt_id, (_, task_id, _, _, _, body) in told.items():
        if attempts[attempt_id][4] != "succeeded":
            raise Breach("card", f"{attempt_id} has a card and is {attempts[attempt_id][4]}")
        if ledger.attempts[attempt_id].stopped:
            raise Breach("card", f"{attempt_id} has a card, and a person had stopped it")
        card = event_pb2.EventBody.FromString(body).work_finished.card
        if (stored := ledger.one(_STORED, task_id)) is None or stored[0] != card.SerializeToString():
            raise Breach("card", f"{task_id} does not have the card of {attempt_id}")
    for attempt_id, row in attempts.items():
        seen = ledger.attempts.get(attempt_id)
        if seen is None or seen.stopped or attempt_id in told or seen.row[4] in FINAL or row[4] != "succeeded":
            continue
        if not _stopped(ledger, attempt_id):
            raise Breach("card", f"{attempt_id} succeeded without a card")


def _stopped(ledger: Ledger, attempt_id: str) -> bool:
    """Whether a person stopped it, be it in the commit of its end, which shows only the latter."""
    found = ledger.one(_STOPPED, attempt_id)
    return found is not None and bool(found[0])
