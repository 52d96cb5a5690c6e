"""A request as a script sees it: the wire, and convenient readings of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class ToolRun:
    """A tool call of the conversation with its result."""

    name: str
    input: Mapping[str, Any]
    output: str
    is_error: bool


@dataclass(frozen=True)
class Request:
    """One request to the Messages API. `number` counts from 1 those that this server was asked to answer."""

    body: Mapping[str, Any]
    number: int

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        """The conversation."""
        messages: Sequence[Mapping[str, Any]] = self.body["messages"]
        return messages

    @property
    def said(self) -> str:
        """The person's latest words."""
        texts = [block["text"] for message in self.messages for block in blocks(message) if _is_said(message, block)]
        return str(texts[-1])

    @cached_property
    def runs(self) -> Sequence[ToolRun]:
        """The tools that ran since the person's latest words, oldest first."""
        calls: dict[str, Mapping[str, Any]] = {}
        runs: list[ToolRun] = []
        for message in self.messages:
            for block in blocks(message):
                if _is_said(message, block):
                    runs.clear()
                elif block["type"] == "tool_use":
                    calls[block["id"]] = block
                elif block["type"] == "tool_result":
                    call = calls[block["tool_use_id"]]
                    runs.append(ToolRun(call["name"], call["input"], _text(block), bool(block.get("is_error"))))
        return tuple(runs)


def blocks(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A message's content blocks; plain text counts as one."""
    if isinstance(message["content"], str):
        yield {"type": "text", "text": message["content"]}
    else:
        yield from message["content"]


def _is_said(message: Mapping[str, Any], block: Mapping[str, Any]) -> bool:
    return bool(message["role"] == "user" and block["type"] == "text")


def _text(result: Mapping[str, Any]) -> str:
    content = result.get("content", "")
    return content if isinstance(content, str) else "\n".join(str(part.get("text", "")) for part in content)
