"""What the API refuses, strictly: a request that passes here passes there."""

import base64
import re
from collections.abc import Mapping, Sequence, Set
from typing import Any

from tests.standins.claude.replies import Failure, invalid
from tests.standins.claude.request import blocks

_PARAMETERS = {
    "cache_control", "compaction", "diagnostics", "inference_geo", "max_tokens", "messages", "metadata", "model",
    "output_config", "service_tier", "speed", "stop_sequences", "stream", "system", "thinking", "tool_choice", "tools",
}  # fmt: skip
_TOOL_KEYS = {
    "allowed_callers", "cache_control", "defer_loading", "description", "eager_input_streaming", "input_examples",
    "input_schema", "name", "strict", "type",
}  # fmt: skip
_BLOCK_KEYS = {
    "text": {"type", "text", "citations", "cache_control"},
    "image": {"type", "source", "cache_control"},
    "tool_result": {"type", "tool_use_id", "content", "is_error", "cache_control"},
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
    "compaction": {"type", "content", "signature", "encrypted_content", "tool_changes", "cache_control"},
    "tool_use": {"type", "id", "name", "input", "caller", "cache_control"},
    "server_tool_use": {"type", "id", "name", "input", "caller", "cache_control"},
}
_BLOCKS_BY_ROLE = {
    "user": {"text", "image", "tool_result"},
    "assistant": {"text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "compaction"},
}
_MAGIC = {
    "image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF8", "image/webp": b"RIFF",
}  # fmt: skip
_MOST_IMAGE_BYTES = 5 * 1024 * 1024
COMPACTION_BETA = "compact-2026-09-04"
_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,128}$")
_MOST_OUTPUT_TOKENS = 128_000


class Refused(Exception):
    """The request is answered with this failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def check(body: Any, *, betas: Set[str] = frozenset()) -> None:
    """Raises Refused for a request that the API would not take; its length is checked by `check_length`."""
    _require(isinstance(body, dict), "The request body is not an object.")
    for key in body.keys() - _PARAMETERS:
        raise Refused(invalid(f"{key}: Extra inputs are not permitted"))
    for key in ("model", "max_tokens", "messages"):
        _require(key in body, f"{key}: Field required")
    _require(isinstance(body["model"], str), "model: Input should be a valid string")
    limit = body["max_tokens"]
    _require(isinstance(limit, int) and 1 <= limit <= _MOST_OUTPUT_TOKENS, f"max_tokens: {limit} is out of range")
    _check_settings(body)
    _check_tools(body.get("tools", []))
    _check_messages(body["messages"])
    _check_summaries(body, betas)
    _check_end(body["messages"])


def check_length(tokens: int, most_tokens: int) -> None:
    """Raises Refused for a prompt that does not fit the model."""
    _require(tokens <= most_tokens, f"prompt is too long: {tokens} tokens > {most_tokens} maximum")


def _check_settings(body: Mapping[str, Any]) -> None:
    thinking = body.get("thinking", {"type": "adaptive"})
    _require(thinking.get("type") in ("adaptive", "disabled", "between_tools"), "thinking.type: not supported here")
    _require(thinking.get("display") in (None, "summarized", "omitted"), "thinking.display: not supported")
    choice = body.get("tool_choice", {"type": "auto"})
    _require(choice.get("type") in ("auto", "none"), "tool_choice.type: this model cannot be forced to use a tool")
    system = body.get("system", "")
    texts = [system] if isinstance(system, str) else [block["text"] for block in system]
    _require(all(text.strip() for text in texts) or "system" not in body, "system: text must be non-empty")


def _check_tools(tools: Sequence[Mapping[str, Any]]) -> None:
    names = [str(tool.get("name", "")) for tool in tools]
    _require(len(set(names)) == len(names), "tools: Tool names must be unique.")
    for tool, name in zip(tools, names, strict=True):
        _require(tool.keys() <= _TOOL_KEYS, f"tools.{name}: Extra inputs are not permitted")
        _require(bool(_NAME.match(name)), f"tools.{name}.name: String should match {_NAME.pattern}")
        schema = tool.get("input_schema", {})
        _require(schema.get("type") == "object", f"tools.{name}.input_schema.type: Field required")
        closed = schema.get("additionalProperties") is False
        _require(closed or not tool.get("strict"), f"tools.{name}: strict needs additionalProperties: false")


def _check_messages(messages: Any) -> None:
    _require(isinstance(messages, list) and bool(messages), "messages: at least one message is required")
    for number, message in enumerate(messages):
        _check_message(message, f"messages.{number}")
    summed_up = _is_summary(messages[0])
    _require(messages[0]["role"] == "user" or summed_up, "messages: first message must use the user role")
    _check_pairs(_merged(messages))


def _check_end(messages: Sequence[Mapping[str, Any]]) -> None:
    if messages[-1]["role"] == "assistant":
        paused = any(block["type"] == "server_tool_use" for block in blocks(messages[-1]))
        alone = len(messages) == 1 and _is_summary(messages[0])
        _require(paused or alone, "This model does not support assistant message prefill.")


def _is_summary(message: Mapping[str, Any]) -> bool:
    return any(block["type"] == "compaction" for block in blocks(message))


def _check_summaries(body: Mapping[str, Any], betas: Set[str]) -> None:
    found = [
        (number, place)
        for number, message in enumerate(body["messages"])
        for place, block in enumerate(blocks(message))
        if block["type"] == "compaction"
    ]
    if found or "compaction" in body:
        _require(COMPACTION_BETA in betas, f"compaction: needs the beta {COMPACTION_BETA}")
    if found[1:]:
        raise Refused(invalid("messages: more than one `compaction` block", "compaction_block_ambiguous"))
    if found and found != [(0, 0)]:
        raise Refused(invalid("messages: a `compaction` block must come first", "compaction_block_misplaced"))
    if "compaction" not in body:
        return
    _require(body["compaction"].get("type") == "summarize", "compaction.type: Input should be 'summarize'")
    for key in ("context_management", "stop_sequences"):
        _require(key not in body, f"compaction: cannot be combined with {key}")
    if body["messages"][-1]["role"] == "assistant":
        raise Refused(invalid("messages: the last turn is not finished", "compaction_incomplete_turn"))


def _check_message(message: Any, where: str) -> None:
    _require(isinstance(message, dict) and message.keys() == {"role", "content"}, f"{where}: role and content required")
    _require(message["role"] in _BLOCKS_BY_ROLE, f"{where}.role: Input should be 'user' or 'assistant'")
    _require(bool(message["content"]), f"{where}: content must be non-empty")
    for place, block in enumerate(blocks(message)):
        _check_block(block, message["role"], f"{where}.content.{place}")


def _check_block(block: Mapping[str, Any], role: str, where: str) -> None:
    kind = block.get("type")
    _require(kind in _BLOCKS_BY_ROLE[role], f"{where}: block type {kind!r} is not permitted for role {role!r}")
    _require(block.keys() <= _BLOCK_KEYS[str(kind)], f"{where}: Extra inputs are not permitted")
    if kind == "text":
        _require(bool(str(block["text"]).strip()), f"{where}: text content blocks must contain non-whitespace text")
    if kind == "tool_use":
        _require(isinstance(block["input"], dict), f"{where}.input: Input should be a valid dictionary")
        _require(bool(_NAME.match(str(block["id"]))), f"{where}.id: String should match {_NAME.pattern}")
    if kind == "image":
        _check_image(block["source"], where)
    if kind == "tool_result" and isinstance(block.get("content"), list):
        for place, part in enumerate(block["content"]):
            _check_block(part, "user", f"{where}.content.{place}")


def _check_image(source: Mapping[str, Any], where: str) -> None:
    _require(source.keys() == {"type", "media_type", "data"} and source["type"] == "base64", f"{where}.source: base64")
    media_type, sent = source["media_type"], source["data"]
    _require(media_type in _MAGIC, f"{where}.source.media_type: {media_type!r} is not supported")
    _require(len(sent) <= _MOST_IMAGE_BYTES, f"{where}: image exceeds 5 MB maximum: {len(sent)} bytes")
    try:
        data = base64.b64decode(sent, validate=True)
    except ValueError:
        raise Refused(invalid(f"{where}.source.data: not base64")) from None
    _require(data.startswith(_MAGIC[media_type]), f"{where}: Could not process image")


def _merged(messages: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Joins neighbours of one role, as the API does."""
    turns: list[tuple[str, list[Mapping[str, Any]]]] = []
    for message in messages:
        if not turns or turns[-1][0] != message["role"]:
            turns.append((message["role"], []))
        turns[-1][1].extend(blocks(message))
    return turns


def _check_pairs(turns: Sequence[tuple[str, list[Mapping[str, Any]]]]) -> None:
    seen: set[str] = set()
    asked: list[str] = []
    for number, (role, content) in enumerate(turns):
        answered = [str(block["tool_use_id"]) for block in content if block["type"] == "tool_result"]
        leading = [block["type"] == "tool_result" for block in content[: len(answered)]]
        for stray in set(answered) - set(asked):
            raise Refused(
                invalid(f"messages.{number}: unexpected `tool_use_id` found in `tool_result` blocks: {stray}")
            )
        _require(len(set(answered)) == len(answered), f"messages.{number}: each tool_use must have a single result")
        _require(role == "assistant" or all(leading), f"messages.{number}: `tool_result` blocks must come first")
        missing = ", ".join(call for call in asked if call not in answered)
        _require(not missing, f"messages.{number}: `tool_use` ids without `tool_result` blocks right after: {missing}")
        asked = [str(block["id"]) for block in content if block["type"] == "tool_use"]
        _require(len(set(asked)) == len(asked) and not seen & set(asked), "`tool_use` ids must be unique")
        seen.update(asked)
    _require(not asked, f"`tool_use` ids were found without `tool_result` blocks: {', '.join(asked)}")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise Refused(invalid(message))
