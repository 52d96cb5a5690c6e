"""What goes to the model and what comes back: values, and the few ways in which it can fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from errand_runner.agent.blocks import Block
from errand_runner.agent.facts import EndReason
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.transcript import Message


@dataclass(frozen=True)
class Request:
    """One call of the model: for a reply, or, where it `sums_up`, for a summary of the messages in their place.

    `max_tokens` takes the place of the prefix's where it is given.
    """

    prefix: Prefix
    messages: Sequence[Message]
    max_tokens: int | None = None
    sums_up: bool = False


@dataclass(frozen=True)
class Piece:
    """A few words of a reply that is still coming."""

    block_index: int
    kind: Literal["text", "thinking"]
    text: str


@dataclass(frozen=True)
class Hidden:
    """More of a reply that is not shown as it comes: so many characters of a tool's input."""

    characters: int


@dataclass(frozen=True)
class Tokens:
    """What a reply used, in the model service's own count; cache writes by how long they live."""

    input: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_read: int = 0
    output: int = 0

    @property
    def prompt(self) -> int:
        """All tokens of the request."""
        return self.input + self.cache_write_5m + self.cache_write_1h + self.cache_read


@dataclass(frozen=True)
class Begun:
    """A reply began: who gives it, and what it used so far."""

    model: str
    tokens: Tokens


@dataclass(frozen=True)
class Reply:
    """One whole reply; `blocks` are as received, unset fields left out, key order kept."""

    blocks: Sequence[Block]
    stop_reason: str
    model: str
    tokens: Tokens
    refusal: str = ""


class ModelError(Exception):
    """The model did not reply; the message says what happened and what to do."""

    reason: ClassVar[EndReason]


class ModelUnavailable(ModelError):
    """Worth repeating. `cause` is a few words for people; `retry_after_s` is what the service asked for."""

    reason = EndReason.MODEL_UNAVAILABLE

    def __init__(self, cause: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.retry_after_s = retry_after_s


class RateLimited(ModelError):
    """Asked too much in too short a time. `cause` is a few words for people; the limit resets `reset_s` from now."""

    reason = EndReason.MODEL_UNAVAILABLE

    def __init__(self, cause: str, *, reset_s: float) -> None:
        super().__init__(cause)
        self.cause = cause
        self.reset_s = reset_s


class KeyRefused(ModelError):
    """The service does not accept the key, or the key may not use the model. `said` are its own words."""

    reason = EndReason.MODEL_AUTH

    def __init__(self, *, said: str, status: int) -> None:
        super().__init__(
            f"The model's service refused the runner's key ({status}): {said}. Set a valid ANTHROPIC_API_KEY, restart"
            " the runner and send the task on."
        )
        self.said = f"{status}: {said}"
        self.status = status


class QuotaReached(ModelError):
    """The account's money or spend limit is used up; repeating does not help before a person acts."""

    reason = EndReason.ALLOWANCE


class RequestRefused(ModelError):
    """The service will never accept this request."""

    reason = EndReason.MODEL_REQUEST


class ContentRefused(RequestRefused):
    """The service does not take something that the request holds. `said` are its own words."""

    def __init__(self, *, said: str, status: int) -> None:
        super().__init__(f"The model's service refused the request ({status}): {said}")
        self.said = said


class UnknownModel(RequestRefused):
    """The service does not have the model, or no longer."""

    def __init__(self, model: str, *, said: str) -> None:
        super().__init__(
            f"The model's service does not have {model}, which this task works with (404): {said}. Choose one"
            " that it has in the project's settings, or set ERRAND_MODEL to it and restart the runner; then start a new"
            " task."
        )


class ContextOverflow(ModelError):
    """The conversation no longer fits the model."""

    reason = EndReason.CONTEXT


class RequestTooLarge(ContextOverflow):
    """The request has more bytes than the service takes. `said` are its own words."""

    def __init__(self, *, said: str) -> None:
        super().__init__(f"The conversation is too large for the model's service: {said}.")
        self.said = said
