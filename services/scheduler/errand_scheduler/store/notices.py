"""What a committed transaction tells the rest of the process; nothing is told of one that was rolled back.

What every move tells is a tuple: a frozen dataclass takes four times as long to make.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from errand_common.clock import Instant
from errand_common.values import AttemptPhase, FailureReason, RunnerMode, TaskStatus, UserRole
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.usage import Usage

if TYPE_CHECKING:
    from errand_scheduler.store.events import Event


class EventsStored(NamedTuple):
    """Events of one task can be read; the rows as committed, oldest first, at least one."""

    user_id: str
    task_id: str
    events: "tuple[Event, ...]"


@dataclass(frozen=True)
class EventsDiffer:
    """A runner sent events again that are not what it sent first; what is stored stays."""

    attempt_id: str
    first_sequence: int
    count: int


class TaskMoved(NamedTuple):
    """A task's status, or the reason for it, changed."""

    task_id: str
    old: TaskStatus | None
    new: TaskStatus
    reason: str
    failure: FailureReason | None = None


class DeadlineSet(NamedTuple):
    """A task's deadline changed, at the instant `set_at`; none once its status has none."""

    task_id: str
    status: TaskStatus
    deadline_time: int | None
    set_at: Instant


class AttemptMoved(NamedTuple):
    """An attempt was made or its phase changed; the row as committed."""

    attempt: Attempt
    old_phase: AttemptPhase | None


@dataclass(frozen=True)
class ModelUsed:
    """So many requests were answered by Claude, and used so much together."""

    usage: Usage
    requests: int


@dataclass(frozen=True)
class InputsMoved:
    """What waits for a live attempt of this runner changed: a person added an input, or a message took one up."""

    runner_id: str
    attempt_id: str


@dataclass(frozen=True)
class TermsChanged:
    """What a live attempt of this runner goes by is another now."""

    runner_id: str
    attempt_id: str


@dataclass(frozen=True)
class RunnerModeSet:
    """What is wanted of a runner changed, at the instant `set_at`; `drain_time`: when what it still has is stopped."""

    runner_id: str
    mode: RunnerMode
    drain_time: int | None
    set_at: Instant


@dataclass(frozen=True)
class RunnerRevoked:
    """No credential of the runner is good any more; `removed` where it is off the list too."""

    runner_id: str
    removed: bool


@dataclass(frozen=True)
class SessionsEnded:
    """Every session of the family is over."""

    family_id: str


@dataclass(frozen=True)
class TokenRevoked:
    """A token is good for nothing any more."""

    service_token_id: str


@dataclass(frozen=True)
class AccessChanged:
    """A user may do something else from now on: what this role may, or nothing."""

    user_id: str
    role: UserRole | None


@dataclass(frozen=True)
class CredentialBrought:
    """A user brought a fresh credential, or took one back."""

    user_id: str


Notice = (
    EventsStored
    | EventsDiffer
    | TaskMoved
    | DeadlineSet
    | ModelUsed
    | AttemptMoved
    | InputsMoved
    | TermsChanged
    | RunnerModeSet
    | RunnerRevoked
    | SessionsEnded
    | TokenRevoked
    | AccessChanged
    | CredentialBrought
)
