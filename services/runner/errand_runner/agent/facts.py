"""What comes up from a turn: each fact is made durable by the consumer before it asks for the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from errand_common.values import FailureReason, Role, SandboxLimit, WaitReason
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.tools.outcome import Todo
from errand_runner.agent.transcript import Message


class EndReason(StrEnum):
    """Why a turn ended: completed, parked until what it waits for is there, or one of the failure reasons that a
    conversation can have."""

    COMPLETED = "completed"
    PARKED = "parked"
    MODEL_REFUSED = FailureReason.MODEL_REFUSED
    MODEL_AUTH = FailureReason.MODEL_AUTH
    MODEL_UNAVAILABLE = FailureReason.MODEL_UNAVAILABLE
    MODEL_REQUEST = FailureReason.MODEL_REQUEST
    CONTEXT = FailureReason.CONTEXT
    ALLOWANCE = FailureReason.ALLOWANCE

    @property
    def failure(self) -> FailureReason | None:
        """The failure reason; None when completed or parked."""
        return None if self in (EndReason.COMPLETED, EndReason.PARKED) else FailureReason(self.value)


@dataclass(frozen=True)
class Usage:
    """What one reply cost; `cost_nanodollars` is None where the model's price is unknown."""

    input_tokens: int
    cache_write_tokens: int
    cache_read_tokens: int
    output_tokens: int
    cost_nanodollars: int | None


@dataclass(frozen=True)
class PrefixFrozen:
    """The conversation's fixed beginning was settled."""

    prefix: Prefix


@dataclass(frozen=True)
class ModelChanged:
    """Another model goes on, with a prefix of its own, since the one before declined, as `reason` says for people."""

    prefix: Prefix
    replaced_model: str
    reason: str


@dataclass(frozen=True)
class MessageAppended:
    """The transcript grew; `content` is a JSON list of content blocks, byte for byte as sent or received.

    `usage`, `model` and `stop_reason` are Claude's; None and empty for the user's messages, which may carry inputs of
    the person to Claude: `input_ids` says which.
    """

    message_id: str
    role: Role
    content: bytes
    usage: Usage | None = None
    model: str = ""
    stop_reason: str = ""
    input_ids: Sequence[str] = ()


@dataclass(frozen=True)
class ConversationShortened:
    """A message took the place of others (`Message.replaces`); `summary` says for people what was done and why.

    The rest is Claude's where it wrote the message; None and empty where it did not.
    """

    message: Message
    summary: str
    usage: Usage | None = None
    model: str = ""
    stop_reason: str = ""


@dataclass(frozen=True)
class ReplyDropped:
    """Nothing is kept of a reply but what it cost; live words under its id are void.

    Of one that was stopped in its midst, what it had `said` is for people to read, and the usage `is_estimate`.
    """

    message_id: str
    model: str
    usage: Usage
    reason: str
    said: str = ""
    is_estimate: bool = False


@dataclass(frozen=True)
class ContextMeasured:
    """The next request begins with so many tokens, of so many that the model takes."""

    used_tokens: int
    limit_tokens: int


@dataclass(frozen=True)
class AllowanceLow:
    """Most of what the task may spend is spent; `summary` says of what."""

    summary: str


@dataclass(frozen=True)
class TextDelta:
    """A live piece of a message that may follow; transient. Without that message the piece was dropped."""

    message_id: str
    block_index: int
    kind: Literal["text", "thinking"]
    text: str


@dataclass(frozen=True)
class ToolStarted:
    """A tool is about to run; `input` is JSON."""

    tool_use_id: str
    name: str
    input: bytes


@dataclass(frozen=True)
class OutputDelta:
    """A live piece of a tool's output, at most 4,000 characters; transient."""

    tool_use_id: str
    text: str


@dataclass(frozen=True)
class ToolFinished:
    """A tool ended, or its interruption was found; `input` is JSON, `output` the JSON content of its result.

    So much of what it gave was too much, and is kept nowhere.
    """

    tool_use_id: str
    name: str
    input: bytes
    output: bytes
    is_error: bool
    duration_s: float
    dropped_bytes: int = 0


@dataclass(frozen=True)
class LimitHit:
    """What a tool ran ran into a limit of the sandbox; `summary` says what came of it."""

    tool_use_id: str
    limit: SandboxLimit
    summary: str


@dataclass(frozen=True)
class TodoChanged:
    """Claude wrote down what it has to do: all of it."""

    tool_use_id: str
    items: Sequence[Todo]


@dataclass(frozen=True)
class ModelDelayed:
    """The model's service asked for patience; the request is repeated after `delay_s`.

    Live words since the last message are void: the next try gives its own, of another `message_id`.
    """

    cause: str
    delay_s: float


@dataclass(frozen=True)
class Waiting:
    """The work waits: for the person's answer to a tool call's question, for the person to raise the allowance, or for
    a quota that is there again after `resume_s`."""

    reason: WaitReason
    summary: str
    tool_use_id: str = ""
    resume_s: float | None = None
    choices: Sequence[str] = ()


@dataclass(frozen=True)
class WaitOver:
    """What was waited for is there; the input is the person's who answered, empty where none ended it."""

    input_id: str


@dataclass(frozen=True)
class TurnEnded:
    """The last fact of a turn; `text` is Claude's last words when completed, else what happened and what to do."""

    reason: EndReason
    text: str


Fact = (
    PrefixFrozen
    | ModelChanged
    | MessageAppended
    | ConversationShortened
    | ReplyDropped
    | ContextMeasured
    | AllowanceLow
    | TextDelta
    | ToolStarted
    | OutputDelta
    | ToolFinished
    | LimitHit
    | TodoChanged
    | ModelDelayed
    | Waiting
    | WaitOver
    | TurnEnded
)
