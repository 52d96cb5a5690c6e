"""What a script may answer: a reply, whole or cut, or a failure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True)
class Text:
    """Words."""

    text: str


@dataclass(frozen=True)
class Thinking:
    """A thought; it is signed for its place in the conversation, and shown when the request asks for summaries."""

    text: str


@dataclass(frozen=True)
class ToolUse:
    """A tool call; without an id it gets a fresh one."""

    name: str
    input: Mapping[str, object]
    id: str = ""
    cut_after_chars: int | None = None
    """How much of the input's JSON is sent, as when the output limit ends it; all of it when None."""


@dataclass(frozen=True)
class Summary:
    """What a request to sum up is answered with; without content the summary failed."""

    content: str | None


@dataclass(frozen=True)
class Raw:
    """Any other block, sent verbatim in one piece."""

    block: Mapping[str, object]


Block = Text | Thinking | ToolUse | Summary | Raw


class Cut(StrEnum):
    """How a stream may end before its time."""

    END_OF_FILE = "end_of_file"
    ABORT = "abort"
    ERROR_EVENT = "error_event"
    SILENCE = "silence"


@dataclass(frozen=True)
class Reply:
    """A streamed message. `stop_reason` left empty follows from the blocks; `pace_s` lies between two pieces."""

    blocks: Sequence[Block]
    stop_reason: str = ""
    refusal: str = ""
    pace_s: float = 0.0
    cut: Cut | None = None
    cut_after_events: int = 4

    @property
    def natural_stop_reason(self) -> str:
        """The stop reason to send."""
        if self.stop_reason:
            return self.stop_reason
        if any(isinstance(block, Summary) for block in self.blocks):
            return "compaction"
        return "tool_use" if any(isinstance(block, ToolUse) for block in self.blocks) else "end_turn"


@dataclass(frozen=True)
class Failure:
    """An HTTP error in the API's shape."""

    status: int
    type: str
    message: str
    error_code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, object]:
        """The JSON to send."""
        error: dict[str, object] = {"type": self.type, "message": self.message}
        if self.error_code:
            error["details"] = {"error_code": self.error_code}
        return {"type": "error", "error": error}


OVERLOADED = Failure(529, "overloaded_error", "Overloaded")


COMPACTION_UNAVAILABLE = Failure(529, "overloaded_error", "Compaction is unavailable", "compaction_unavailable")


def invalid(message: str, error_code: str = "") -> Failure:
    """A request that the API refuses."""
    return Failure(400, "invalid_request_error", message, error_code)


def rate_limited(retry_after_s: float | None = None, **headers: str) -> Failure:
    """Too many requests. Headers are written with `_` for `-`."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if retry_after_s is not None:
        sent["retry-after"] = f"{retry_after_s:g}"
    return Failure(429, "rate_limit_error", "This request would exceed your rate limit.", headers=sent)
