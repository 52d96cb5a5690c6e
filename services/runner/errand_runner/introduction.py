"""How a runner says who it is, and what it knows."""

from collections.abc import Mapping, Sequence

from errand.v1.dispatch_service_pb2 import OpenSessionRequest
from errand.v1.runner_pb2 import HeldAttempt, ProtocolRange
from errand_common import protocol

VERSION = "0.1.0"
"""For people to read: what is compared are the conversations and features that each side knows."""


def introduction(
    *, nonce: str, slots: int, labels: Mapping[str, str], held_attempts: Sequence[HeldAttempt]
) -> OpenSessionRequest:
    """The first thing that is said in a session."""
    return OpenSessionRequest(
        nonce=nonce,
        version=VERSION,
        slots=slots,
        held_attempts=held_attempts,
        labels=labels,
        protocol=ProtocolRange(oldest=protocol.OURS.oldest, newest=protocol.OURS.newest),
        features=protocol.FEATURES,
    )
