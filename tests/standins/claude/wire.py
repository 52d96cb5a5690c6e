"""A reply as the events of a stream."""

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.standins.claude.prefix import Counted, count_tokens, sign
from tests.standins.claude.replies import Block, Reply, Summary, Text, Thinking, ToolUse

Event = Mapping[str, Any]
_NOTHING = {
    "input_tokens": 0,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 0,
}
_JSON_PIECE_CHARS = 24


@dataclass(frozen=True)
class Context:
    """What a reply depends on beside itself: the request's model, its counts, and how it shows thoughts."""

    model: str
    counted: Counted
    bound_to: str
    shows_thoughts: bool


def events(reply: Reply, context: Context) -> Iterator[Event]:
    """Gives the events of a whole reply, in order."""
    usage = {
        "input_tokens": context.counted.plain,
        "cache_creation_input_tokens": context.counted.written,
        "cache_read_input_tokens": context.counted.read,
        "cache_creation": {"ephemeral_5m_input_tokens": context.counted.written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 1,
        "service_tier": "standard",
    }
    message: dict[str, Any] = {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": context.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    yield {"type": "message_start", "message": message}
    yield {"type": "ping"}
    written = 1
    for index, block in enumerate(reply.blocks):
        start, deltas = _block(block, context)
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for delta in deltas:
            written += count_tokens(json.dumps(delta))
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    used: dict[str, Any] = {"output_tokens": written}
    if any(isinstance(block, Summary) for block in reply.blocks):
        # A summary's tokens stand apart: the sums hold nothing of them.
        apart = {key: value for key, value in usage.items() if key != "service_tier"}
        used = {**_NOTHING, "iterations": [{**apart, "output_tokens": written, "type": "compaction"}]}
    yield {"type": "message_delta", "delta": _ending(reply), "usage": used}
    yield {"type": "message_stop"}


def encode(event: Event) -> bytes:
    """Gives an event's bytes."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _ending(reply: Reply) -> dict[str, Any]:
    ending: dict[str, Any] = {"stop_reason": reply.natural_stop_reason, "stop_sequence": None}
    if reply.refusal:
        ending["stop_details"] = {"type": "refusal", "category": reply.refusal, "explanation": None}
    return ending


def _block(block: Block, context: Context) -> tuple[Event, list[Event]]:
    match block:
        case Text():
            return {"type": "text", "text": ""}, [{"type": "text_delta", "text": word} for word in _words(block.text)]
        case Thinking():
            shown = block.text if context.shows_thoughts else ""
            deltas: list[Event] = [{"type": "thinking_delta", "thinking": word} for word in _words(shown)]
            signature = {"type": "signature_delta", "signature": sign(context.bound_to, shown)}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signature]
        case ToolUse():
            call = block.id or f"toolu_{secrets.token_hex(12)}"
            text = json.dumps(block.input)[: block.cut_after_chars]
            parts = [text[at : at + _JSON_PIECE_CHARS] for at in range(0, len(text), _JSON_PIECE_CHARS)]
            start = {"type": "tool_use", "id": call, "name": block.name, "input": {}}
            return start, [{"type": "input_json_delta", "partial_json": part} for part in ["", *parts]]
        case Summary():
            signed = None if block.content is None else sign("compaction", block.content)
            empty: Event = {"type": "compaction", "content": None, "encrypted_content": None, "signature": signed}
            return empty, [{"type": "compaction_delta", "content": block.content, "encrypted_content": None}]
        case _:
            return block.block, []


def _words(text: str) -> list[str]:
    return re.findall(r"\S+\s*|\s+", text)
