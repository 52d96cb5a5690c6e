"""The closed sets of Errand's words, as they stand in SQL, JSON and logs."""

from enum import StrEnum

from errand_common.shapes import masked


class TaskStatus(StrEnum):
    """Where a task stands."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether only a follow-up takes the task out of it."""
        return self in (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)


class AttemptPhase(StrEnum):
    """How far one runner's go at a task has come; phases only rise."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    PARKED = "parked"
    LOST = "lost"
    WITHDRAWN = "withdrawn"

    @property
    def final(self) -> bool:
        """Whether the attempt never changes again."""
        return self.rank == _FINAL_RANK

    @property
    def rank(self) -> int:
        """Rises with every legal move; all final phases share the highest."""
        return _LIVE_ORDER.index(self) if self in _LIVE_ORDER else _FINAL_RANK


_LIVE_ORDER = (
    AttemptPhase.OFFERED,
    AttemptPhase.ACCEPTED,
    AttemptPhase.STARTING,
    AttemptPhase.RUNNING,
    AttemptPhase.STOPPING,
)
_FINAL_RANK = len(_LIVE_ORDER)


class FailureReason(StrEnum):
    """Why an attempt failed."""

    ENGINE = "engine"
    IMAGE = "image"
    SANDBOX = "sandbox"
    CLONE = "clone"
    MODEL_AUTH = "model_auth"
    MODEL_UNAVAILABLE = "model_unavailable"
    MODEL_REQUEST = "model_request"
    MODEL_REFUSED = "model_refused"
    CONTEXT = "context"
    ALLOWANCE = "allowance"
    PUSH = "push"
    PULL_REQUEST = "pull_request"
    REPOSITORY = "repository"
    RUNNER_LOST = "runner_lost"
    INTERNAL = "internal"
    DISK = "disk"
    START = "start"
    POISON = "poison"
    SETUP = "setup"


class RunnerMode(StrEnum):
    """What an operator wants of a runner."""

    ACTIVE = "active"
    CORDONED = "cordoned"
    DRAINING = "draining"
    LEAVING = "leaving"


class WaitReason(StrEnum):
    """What a waiting task waits for."""

    QUESTION = "question"
    ALLOWANCE = "allowance"
    QUOTA = "quota"


class SandboxLimit(StrEnum):
    """What a sandbox may take so much of and no more."""

    MEMORY = "memory"
    PROCESSES = "processes"
    CPU = "cpu"
    OPEN_FILES = "open_files"
    FILE_SIZE = "file_size"
    WORKSPACE = "workspace"


class TodoState(StrEnum):
    """How far a point of Claude's list is."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    DONE = "done"


class Effort(StrEnum):
    """How much effort a model puts into its work."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


class ThinkingDisplay(StrEnum):
    """What is shown of a model's thoughts."""

    SUMMARIZED = "summarized"
    OMITTED = "omitted"


class EgressMode(StrEnum):
    """What a project's tasks reach beside their repository."""

    NONE = "none"
    ALLOW_LIST = "allow_list"
    OPEN = "open"


class EgressOutcome(StrEnum):
    """How a connection to another host went."""

    CLOSED = "closed"
    BLOCKED = "blocked"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    CUT_OFF = "cut_off"


class CheckOutcome(StrEnum):
    """What came of a project's declared check: `not_run` where it could not be, and so says nothing of the work."""

    NONE_DECLARED = "none_declared"
    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not_run"


class InputKind(StrEnum):
    """When an input reaches the model."""

    QUEUE = "queue"
    STEER = "steer"
    ANSWER = "answer"


class UserRole(StrEnum):
    """What a person may do, from the least to the most."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


class Role(StrEnum):
    """Who said a message."""

    USER = "user"
    ASSISTANT = "assistant"


SHORTEST_SECRET = 8
"""Characters: a shorter value occurs in ordinary text, which a mask over it would garble (ARCHITECTURE.md, Bounds)."""

SUMMARY_BYTES = 1024
"""The most that an event's summary holds (ARCHITECTURE.md, Bounds)."""


def branch_of(task_id: str) -> str:
    """The only branch that a task may push."""
    return f"errand/{task_id}"


def summarise(text: str, *, limit_bytes: int = SUMMARY_BYTES, tail: bool = False) -> str:
    """Cut `text` to its beginning, or to its end where the end says more (a command's output). A summary is for people:
    what has the shape of a token is masked in it, before half of one could be left."""
    text = masked(text)
    raw = text.encode()
    if len(raw) <= limit_bytes:
        return text
    mark = "…"
    room = limit_bytes - len(mark.encode())
    if tail:
        return mark + raw[-room:].decode(errors="ignore")
    return raw[:room].decode(errors="ignore") + mark
