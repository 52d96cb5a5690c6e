"""What of an event the runner's next process still needs once the scheduler has it."""

from errand.v1.runner_pb2 import AttemptEvent

_KINDS = frozenset(("attempt_phase_changed", "attempt_frozen", "attempt_thawed", "wait_started", "wait_ended"))


def lasting(event: AttemptEvent) -> bytes:
    """How far the attempt came, which inputs were taken, whether it waits or is paused: the event without its content.
    Nothing of any other event."""
    body = event.body
    if body.WhichOneof("kind") in _KINDS or body.message_appended.input_ids:
        return AttemptEvent(sequence=event.sequence, body=body).SerializeToString()
    return b""
