"""The transcript with Claude: a fixed prefix, and messages that are only ever appended."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from errand_common.values import Role
from errand_runner.agent.blocks import Block, TranscriptError, encode
from errand_runner.agent.prefix import Prefix

INTERRUPTED = "The tool was interrupted; it may or may not have run: check the state before you go on."
COMPACTION = "compaction"
"""The kind of block that stands for all that Claude summed up."""

NOT_RUN = "The tool was not run: the work was interrupted before its turn came."


@dataclass(frozen=True)
class ToolCall:
    """What Claude asks for: `tool_use_id` is Claude's own, unique within the task."""

    tool_use_id: str
    name: str
    input: Mapping[str, object]


@dataclass(frozen=True)
class ToolResult:
    """What Claude is told: `output` is JSON, a string or a list of content blocks; so much more was not kept."""

    tool_use_id: str
    output: bytes
    is_error: bool
    dropped_bytes: int = 0

    @classmethod
    def of_text(cls, tool_use_id: str, text: str, *, is_error: bool = False, dropped_bytes: int = 0) -> "ToolResult":
        """Makes a result of plain text."""
        return cls(tool_use_id, encode(text), is_error, dropped_bytes)

    @classmethod
    def of_blocks(cls, tool_use_id: str, blocks: Sequence[Block]) -> "ToolResult":
        """Makes a result of content blocks."""
        return cls(tool_use_id, encode(blocks), is_error=False)

    def block(self) -> Block:
        """The content block that carries it."""
        block = {"type": "tool_result", "tool_use_id": self.tool_use_id, "content": json.loads(self.output)}
        return block | {"is_error": True} if self.is_error else block


@dataclass(frozen=True)
class CallRecord:
    """A tool call as it was stored: `result` is None when it had started and no end was recorded; `stored_us` is when
    the scheduler had it, by its clock, None where that is not known."""

    tool_use_id: str
    result: ToolResult | None
    stored_us: int | None = None


@dataclass(frozen=True)
class Message:
    """One entry; `content` is a JSON list of content blocks, byte for byte as sent or received.

    From `replaces` on, a message's id, it takes the place of all before it in what Claude is sent; empty: of none.
    """

    message_id: str
    role: Role
    content: bytes
    replaces: str = ""

    @cached_property
    def blocks(self) -> Sequence[Block]:
        """The content, read."""
        blocks = json.loads(self.content)
        if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
            raise TranscriptError(f"message {self.message_id} is no list of content blocks; the record is damaged")
        return blocks

    @cached_property
    def calls(self) -> Sequence[ToolCall]:
        """The tools that it asks for, in order."""
        return calls_in(self.blocks) if self.role is Role.ASSISTANT else ()

    @property
    def is_summary(self) -> bool:
        """Whether Claude summed up in it what was said before."""
        return any(block.get("type") == COMPACTION for block in self.blocks)

    @property
    def text(self) -> str:
        """Its words, without thoughts and tools."""
        return "\n\n".join(str(block["text"]) for block in self.blocks if block.get("type") == "text")


def calls_in(blocks: Iterable[Block]) -> tuple[ToolCall, ...]:
    """Gives the tool calls among content blocks, in order."""
    return tuple(
        ToolCall(str(block["id"]), str(block["name"]), cast(Mapping[str, object], block["input"]))
        for block in blocks
        if block.get("type") == "tool_use"
    )


class Transcript:
    """One task's conversation. It refuses what Claude's API would refuse, so that no bad message is ever stored."""

    def __init__(self, prefix: Prefix) -> None:
        """Begins an empty conversation whose prefix no one has recorded yet."""
        self.prefix = prefix
        self.is_recorded = False
        self.used_tokens = 0
        """What the next request begins with, as far as the latest reply told; 0 where that is not known."""
        self._messages: list[Message] = []
        self._records: dict[str, CallRecord] = {}

    @classmethod
    def restore(cls, prefix: Prefix, messages: Iterable[Message], records: Iterable[CallRecord] = ()) -> "Transcript":
        """Takes up a stored conversation; `records` are the tool calls of its last message, as far as they came.

        Of `messages`, those that a later one replaces may be left out.
        """
        transcript = cls(prefix)
        transcript.is_recorded = True
        for message in messages:
            transcript._add(message, transcript._place_of(message))
        transcript._records = {record.tool_use_id: record for record in records}
        return transcript

    @property
    def messages(self) -> Sequence[Message]:
        """What counts of what was said so far, oldest first."""
        return tuple(self._messages)

    @property
    def last(self) -> Message | None:
        """The newest message."""
        return self._messages[-1] if self._messages else None

    @property
    def open_calls(self) -> Sequence[ToolCall]:
        """The tool calls that wait for an answer."""
        return self.last.calls if self.last else ()

    def started(self, call: ToolCall) -> bool:
        """Says whether the record shows that an open call had begun and not that it had ended."""
        record = self._records.get(call.tool_use_id)
        return record is not None and record.result is None

    def record(self, tool_use_id: str) -> CallRecord | None:
        """What is stored of a call of the last message; None where it never began, or begins only now."""
        return self._records.get(tool_use_id)

    def recall(self, call: ToolCall) -> ToolResult:
        """Answers an open call from the record: its result, or why there is none. It is never run again blindly."""
        record = self._records.get(call.tool_use_id)
        if record is None:
            return ToolResult.of_text(call.tool_use_id, NOT_RUN, is_error=True)
        return record.result or ToolResult.of_text(call.tool_use_id, INTERRUPTED, is_error=True)

    def append(self, message: Message) -> None:
        """Adds a message, in the place of those that it replaces.

        Raises TranscriptError, and changes nothing, where the API would refuse it, or it replaces what is not here.
        """
        place = self._place_of(message)
        if message.replaces and place == len(self._messages):
            raise TranscriptError(
                f"message {message.message_id} is to take the place of {message.replaces}, which is not in this"
                " conversation; name the first of those that it replaces"
            )
        self._add(message, place)

    def _place_of(self, message: Message) -> int:
        if not message.replaces:
            return len(self._messages)
        ids = [each.message_id for each in self._messages]
        return ids.index(message.replaces) if message.replaces in ids else len(ids)

    def _add(self, message: Message, place: int) -> None:
        if not message.blocks:
            raise TranscriptError(f"message {message.message_id} has no content; say something in it")
        expected = [call.tool_use_id for call in self._messages[place - 1].calls] if place else []
        if _answers(message) != expected:
            found = ", ".join(_answers(message)) or "none"
            raise TranscriptError(
                f"the next message must first answer {', '.join(expected) or 'no call'}; found: {found}"
            )
        if message.role is Role.ASSISTANT and not place and not message.is_summary:
            raise TranscriptError("the first message must be the user's")
        self._messages[place:] = [message]


def _answers(message: Message) -> list[str]:
    """Gives the calls that a message answers before it says anything else, in order."""
    if message.role is Role.ASSISTANT:
        return []
    ids: list[str] = []
    for place, block in enumerate(message.blocks):
        if block.get("type") == "tool_result":
            if place != len(ids):
                raise TranscriptError(f"message {message.message_id} says something before it answers all calls")
            ids.append(str(block.get("tool_use_id")))
    return ids
