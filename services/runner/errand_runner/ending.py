"""How an attempt ends that cannot go on: what went wrong, under the reason from the closed set, in words."""

from errand_common.values import AttemptPhase, FailureReason
from errand_runner.agent.facts import EndReason, TurnEnded
from errand_runner.brake import GivenUp
from errand_runner.journal import JournalFailed
from errand_runner.outbox import OutboxError
from errand_runner.outcome import Outcome
from errand_runner.sandbox.docker import EngineUnavailable, ImageMissing, SandboxFailed
from errand_runner.sandbox.supervisor import SandboxGone


class AttemptFailed(Exception):
    """The attempt cannot go on; `reason` is from the closed set, the message says what was found and what to do."""

    def __init__(self, reason: FailureReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


FAILURES = (
    AttemptFailed,
    GivenUp,
    SandboxFailed,
    SandboxGone,
    EngineUnavailable,
    ImageMissing,
    JournalFailed,
    OutboxError,
)
"""What ends an attempt; anything else is a bug."""


def outcome_of_failure(failure: Exception) -> Outcome:
    """What is told of one of FAILURES."""
    match failure:
        case AttemptFailed():
            return _failed(failure.reason, str(failure))
        case GivenUp():
            return _failed(FailureReason.DISK, str(failure))
        case SandboxFailed() | SandboxGone():
            return _failed(FailureReason.SANDBOX, f"the sandbox failed: {failure}; send the task on to retry")
        case EngineUnavailable():
            return _failed(FailureReason.ENGINE, f"{failure}, then send the task on")
        case ImageMissing():
            return _failed(FailureReason.IMAGE, str(failure))
        case JournalFailed():
            return _failed(FailureReason.DISK, f"{failure}, then send the task on")
        case _:
            return _failed(FailureReason.INTERNAL, str(failure))


def outcome_of_turn(ended: TurnEnded) -> Outcome:
    """What is told of how the conversation ended."""
    if ended.reason is EndReason.PARKED:
        return Outcome(AttemptPhase.PARKED)
    if ended.reason.failure is None:
        return Outcome(AttemptPhase.SUCCEEDED)
    return _failed(ended.reason.failure, ended.text)


def _failed(reason: FailureReason, words: str) -> Outcome:
    return Outcome(AttemptPhase.FAILED, reason, words)
