"""What a committed transaction tells the rest of the process; nothing is told of one that was rolled back."""

from dataclasses import dataclass

from errand_common.values import AttemptPhase, FailureReason, TaskStatus
from errand_scheduler.store.attempts import Attempt


@dataclass(frozen=True)
class EventStored:
    """An event can be read."""

    user_id: str
    task_id: str
    event_id: int


@dataclass(frozen=True)
class TaskMoved:
    """A task's status, or the reason for it, changed."""

    task_id: str
    old: TaskStatus | None
    new: TaskStatus
    reason: str
    failure: FailureReason | None = None


@dataclass(frozen=True)
class AttemptMoved:
    """An attempt was made or its phase changed; the row as committed."""

    attempt: Attempt
    old_phase: AttemptPhase | None


@dataclass(frozen=True)
class InputsMoved:
    """What waits for an attempt of this runner changed: a person added an input, or a message took one up."""

    runner_id: str


@dataclass(frozen=True)
class SessionsEnded:
    """Every session of the family is over."""

    family_id: str


@dataclass(frozen=True)
class SignedIn:
    """A user brought a fresh GitHub token."""

    user_id: str


Notice = EventStored | TaskMoved | AttemptMoved | InputsMoved | SessionsEnded | SignedIn
