"""Events are stored as they were sent, each once, in order, and nothing of an attempt after its end."""

from collections.abc import Sequence

from errand.v1 import event_pb2
from tests.sim.breach import Breach
from tests.sim.invariants.ledger import FINAL, Ledger, Row

NEW = """
    SELECT event_id, task_id, attempt_id, attempt_sequence, kind, body FROM events WHERE event_id > ? ORDER BY event_id
"""


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


def note_carried(ledger: Ledger, event_id: int, task_id: str, body: bytes) -> None:
    """Which inputs a message carries to the model: each one once."""
    for input_id in event_pb2.EventBody.FromString(body).message_appended.input_ids:
        if ledger.carried.setdefault(input_id, event_id) != event_id:
            raise Breach("I4", f"input {input_id} is carried to the model by two messages of {task_id}")
