"""A reply put together from the events of its stream: each block as it was received, read once."""

from collections.abc import Mapping
from typing import Any

from jiter import from_json

from errand_runner.agent.blocks import Block
from errand_runner.agent.exchange import Begun, Hidden, Piece, Reply, Tokens

Event = Mapping[str, Any]


class Reading:
    """One stream's events, one after the other. Unknown events, blocks and deltas are of no harm."""

    def __init__(self) -> None:
        self.finished = False
        """Whether the reply came to its end."""
        self._model = ""
        self._usage: dict[str, Any] = {}
        self._ending: Mapping[str, Any] = {}
        self._blocks: list[dict[str, Any]] = []
        self._parts: list[list[str]] = []

    def take(self, event: object) -> Begun | Piece | Hidden | None:
        """Takes one event; gives what is told of it. Raises ValueError where it is none of this API."""
        try:
            return self._take(event)
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ValueError(f"an event of the stream is not as it should be: {error!r}") from error

    def reply(self) -> Reply:
        """The whole reply. Raises ValueError where a tool's input is no JSON."""
        details = self._ending.get("stop_details") or {}
        return Reply(
            blocks=[_whole(block, parts) for block, parts in zip(self._blocks, self._parts, strict=True)],
            stop_reason=self._ending.get("stop_reason") or "",
            model=self._model,
            tokens=_tokens(self._usage),
            refusal=details.get("category") or "",
        )

    def _take(self, event: Any) -> Begun | Piece | Hidden | None:
        match event["type"]:
            case "message_start":
                message = event["message"]
                self._model, self._usage = str(message.get("model") or ""), dict(message.get("usage") or {})
                return Begun(self._model, _tokens(self._usage))
            case "content_block_start":
                self._blocks.append(dict(event["content_block"]))
                self._parts.append([])
            case "content_block_delta":
                return self._more(event["index"], event["delta"])
            case "message_delta":
                self._ending = event["delta"]
                # Counts are totals; one that is left out stands as it was.
                told = event.get("usage") or {}
                self._usage |= {name: count for name, count in told.items() if count is not None}
            case "message_stop":
                self.finished = True
        return None

    def _more(self, index: int, delta: Event) -> Piece | Hidden | None:
        block = self._blocks[index]
        match delta["type"]:
            case "text_delta" if text := self._grow(index, "text", delta["text"]):
                return Piece(index, "text", text)
            case "thinking_delta" if text := self._grow(index, "thinking", delta["thinking"]):
                return Piece(index, "thinking", text)
            case "input_json_delta" if text := self._grow(index, "input", delta["partial_json"]):
                return Hidden(len(text))
            case "signature_delta":
                block["signature"] = delta["signature"]
            case "citations_delta":
                block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
            case "compaction_delta":
                block |= {name: value for name, value in delta.items() if name != "type"}
        return None

    def _grow(self, index: int, field: str, text: str) -> str:
        """More of the field that a block of this kind has; gives nothing where it has none."""
        if field not in self._blocks[index]:
            return ""
        self._parts[index].append(text)
        return text


def _whole(block: dict[str, Any], parts: list[str]) -> Block:
    grown = "".join(parts)
    if not grown:
        return block
    if "input" in block:
        # One that the output limit cut off is read as far as it goes; it is never run.
        return {**block, "input": from_json(grown.encode(), partial_mode=True)}
    field = "text" if "text" in block else "thinking"
    return {**block, field: block[field] + grown}


def _tokens(usage: Mapping[str, Any]) -> Tokens:
    # What a summary took stands apart from the sums.
    apart = [each for each in usage.get("iterations") or () if each.get("type") == "compaction"]
    total = Tokens()
    for each in [usage, *apart]:
        written = each.get("cache_creation_input_tokens") or 0
        for_an_hour = (each.get("cache_creation") or {}).get("ephemeral_1h_input_tokens") or 0
        total = Tokens(
            input=total.input + (each.get("input_tokens") or 0),
            cache_write_5m=total.cache_write_5m + written - for_an_hour,
            cache_write_1h=total.cache_write_1h + for_an_hour,
            cache_read=total.cache_read + (each.get("cache_read_input_tokens") or 0),
            output=total.output + (each.get("output_tokens") or 0),
        )
    return total
