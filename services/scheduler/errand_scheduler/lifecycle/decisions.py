"""What should happen to a task or an attempt: pure functions of rows."""

from enum import Enum, auto

from errand_common.values import AttemptPhase, FailureReason, TaskStatus
from errand_scheduler.store.attempts import Attempt

AT_WORK = (AttemptPhase.ACCEPTED, AttemptPhase.STARTING, AttemptPhase.RUNNING)
"""The phases in which an attempt may act."""


class Stop(Enum):
    """What a person's stop does."""

    NOTHING = auto()
    CANCEL = auto()
    WITHDRAW = auto()
    ASK_RUNNER = auto()
    ALREADY_ASKED = auto()
    CANCEL_WITHOUT_RUNNER = auto()


def on_stop(status: TaskStatus, attempt: Attempt | None, *, runner_present: bool) -> Stop:
    """A stop never fails: where no runner can be asked, it is done at once."""
    if status.final:
        return Stop.NOTHING
    if attempt is None:
        return Stop.CANCEL
    if attempt.phase is AttemptPhase.OFFERED:
        return Stop.WITHDRAW
    if not runner_present:
        return Stop.CANCEL_WITHOUT_RUNNER
    return Stop.ALREADY_ASKED if attempt.phase is AttemptPhase.STOPPING else Stop.ASK_RUNNER


class Held(Enum):
    """What a runner should do with an attempt that it says it has."""

    KEEP = auto()
    STOP = auto()
    FORGET = auto()


def on_held(attempt: Attempt | None, *, runner_id: str, fence: int) -> Held:
    """The verdict: only a live attempt of this runner under this fence is kept."""
    if not holds(attempt, runner_id=runner_id, fence=fence):
        return Held.FORGET
    assert attempt is not None
    return Held.STOP if attempt.phase is AttemptPhase.STOPPING else Held.KEEP


def holds(attempt: Attempt | None, *, runner_id: str, fence: int) -> bool:
    """Whether this runner may still write under this fence."""
    return attempt is not None and owns(attempt, runner_id=runner_id, fence=fence) and not attempt.phase.final


def owns(attempt: Attempt, *, runner_id: str, fence: int) -> bool:
    """Whether the attempt, final or not, is this runner's under this fence."""
    return attempt.runner_id == runner_id and attempt.fence == fence


def next_fence(last: int, generation: int) -> int:
    """Rises by one within a generation and begins above every older generation."""
    return max(last, generation << 32) + 1


def after_end(phase: AttemptPhase, *, was_stopping: bool, resume_after_stop: bool, more_to_do: bool) -> TaskStatus:
    """Where the task stands once its attempt ended in a final phase."""
    if was_stopping:
        return TaskStatus.PENDING if resume_after_stop else TaskStatus.CANCELLED
    if phase is AttemptPhase.SUCCEEDED:
        return TaskStatus.PENDING if more_to_do else TaskStatus.COMPLETED
    return TaskStatus.CANCELLED if phase is AttemptPhase.CANCELLED else TaskStatus.FAILED


def failure_of(phase: AttemptPhase, reported: FailureReason | None) -> FailureReason | None:
    """Why the task failed. Time is part of the allowance."""
    match phase:
        case AttemptPhase.FAILED:
            return reported
        case AttemptPhase.TIMED_OUT:
            return FailureReason.ALLOWANCE
        case AttemptPhase.LOST:
            return FailureReason.RUNNER_LOST
    return None


def follows(current: AttemptPhase, reported: AttemptPhase) -> bool:
    """Whether a phase that the runner reports moves the attempt: phases only rise, and only to work."""
    return reported in (AttemptPhase.STARTING, AttemptPhase.RUNNING) and reported.rank > current.rank
