"""Events are stored as they were sent, each once, in order, and nothing of an attempt after its end."""

from collections.abc import Mapping, Sequence

from errand.v1 import event_pb2
from tests.sim.breach import Breach
from tests.sim.invariants.ledger import FINAL, Ledger, Row

NEW = """
    SELECT event_id, task_id, attempt_id, attempt_sequence, kind, body FROM events WHERE event_id > ? ORDER BY event_id
"""

# Where a task's work lies, by the kind of event that tells it.
_PLACES = {
    "branch_pushed": "SELECT head_commit FROM tasks WHERE task_id = ?",
    "checkpoint_saved": "SELECT checkpoint_commit FROM tasks WHERE task_id = ?",
}


def check(ledger: Ledger, events: Sequence[Row]) -> None:
    """Look at what a commit added; before the attempts' rows are looked at."""
    for event_id, task_id, attempt_id, sequence, kind, body in events:
        ledger.last_event = event_id
        if sequence is None:
            continue
        seen = ledger.attempts.get(attempt_id)
        if seen is not None and seen.row[4] in FINAL:
            raise Breach("I5", f"event {event_id} of {attempt_id} was stored after its end")
        expected = ledger.acked.get(attempt_id, 0) + 1
        if sequence != expected:
            raise Breach("I4", f"{attempt_id} has event {sequence} stored where {expected} should follow")
        ledger.acked[attempt_id] = sequence
        fence = ledger.one("SELECT fence FROM attempts WHERE attempt_id = ?", attempt_id)[0]
        if ledger.sent[attempt_id, fence].bodies.get(sequence) != body and not ledger.is_unsure(attempt_id):
            raise Breach("I4", f"event {sequence} of {attempt_id} is stored with other bytes than were sent")
        if kind == "message_appended":
            note_carried(ledger, event_id, task_id, body)
    check_places(ledger, {(row[1], row[4]): row[5] for row in events if row[4] in _PLACES})


def check_places(ledger: Ledger, last: Mapping[tuple[str, str], bytes]) -> None:
    """The next attempt is told where the work lies by what was told of it last."""
    for (task_id, kind), body in last.items():
        told = getattr(event_pb2.EventBody.FromString(body), kind).commit
        if (stored := ledger.one(_PLACES[kind], task_id)[0]) != told:
            raise Breach("I3", f"{task_id} has {stored!r} where {kind} told {told}")


def note_carried(ledger: Ledger, event_id: int, task_id: str, body: bytes) -> None:
    """Which inputs a message carries to the model: each one once."""
    for input_id in event_pb2.EventBody.FromString(body).message_appended.input_ids:
        if ledger.carried.setdefault(input_id, event_id) != event_id:
            raise Breach("I4", f"input {input_id} is carried to the model by two messages of {task_id}")
