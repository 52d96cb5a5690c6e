"""How an attempt ended."""

from dataclasses import dataclass

from errand.v1 import runner_pb2 as pb
from errand_common.values import AttemptPhase, FailureReason


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended; `reason` says in words what went wrong and what to do, empty when nothing did.
    `finish`: what a success came to."""

    phase: AttemptPhase
    failure_reason: FailureReason | None = None
    reason: str = ""
    finish: pb.Finish | None = None
