"""What the SDK gives, as values of ours."""

from typing import Any, cast

from anthropic.types import Usage
from anthropic.types.beta import BetaUsage
from anthropic.types.beta.parsed_beta_message import ParsedBetaMessage
from anthropic.types.parsed_message import ParsedMessage

from errand_runner.agent.exchange import Begun, Hidden, Piece, Reply, Tokens
from errand_runner.agent.transcript import Block


def piece_of(event: Any) -> Begun | Piece | Hidden | None:
    """What an event of a stream brings; None for one that brings nothing to tell."""
    if event.type == "message_start":
        return Begun(event.message.model, _tokens(event.message.usage))
    if event.type != "content_block_delta":
        return None
    match event.delta.type:
        case "text_delta" if event.delta.text:
            return Piece(event.index, "text", event.delta.text)
        case "thinking_delta" if event.delta.thinking:
            return Piece(event.index, "thinking", event.delta.thinking)
        case "input_json_delta" if event.delta.partial_json:
            return Hidden(len(event.delta.partial_json))
    return None


def reply_of(message: ParsedMessage[None] | ParsedBetaMessage[None]) -> Reply:
    """The whole reply, its blocks as they were received."""
    return Reply(
        blocks=[cast(Block, block.to_dict(mode="json", warnings=False)) for block in message.content],
        stop_reason=message.stop_reason or "",
        model=message.model,
        tokens=_tokens(message.usage),
        refusal=(message.stop_details.category or "") if message.stop_details else "",
    )


def _tokens(usage: Usage | BetaUsage) -> Tokens:
    # What a summary took stands apart from the sums.
    extra = (
        [each for each in usage.iterations or () if each.type == "compaction"] if isinstance(usage, BetaUsage) else []
    )
    total = Tokens()
    for each in [usage, *extra]:
        written = each.cache_creation_input_tokens or 0
        for_an_hour = each.cache_creation.ephemeral_1h_input_tokens if each.cache_creation else 0
        total = Tokens(
            input=total.input + each.input_tokens,
            cache_write_5m=total.cache_write_5m + written - for_an_hour,
            cache_write_1h=total.cache_write_1h + for_an_hour,
            cache_read=total.cache_read + (each.cache_read_input_tokens or 0),
            output=total.output + each.output_tokens,
        )
    return total
