"""What the service refuses of the latest words is taken out of them: until Claude answers, they may still change."""

from collections.abc import Sequence
from typing import cast

from errand_common.values import Role
from errand_runner.agent.blocks import Block
from errand_runner.agent.exchange import ContentRefused, ModelError, RequestTooLarge
from errand_runner.agent.transcript import Message

# A result of fewer characters is not what makes a request too large.
_LARGE_CHARS = 10_000


def unanswered(messages: Sequence[Message]) -> Sequence[Message]:
    """What was said since Claude last spoke."""
    places = reversed(range(len(messages)))
    last = next((place for place in places if messages[place].role is Role.ASSISTANT), -1)
    return messages[last + 1 :]


def mended(messages: Sequence[Message], error: ModelError) -> Sequence[Block] | None:
    """One message in the place of these, without what the error is about; None where there is nothing to take out."""
    if not isinstance(error, ContentRefused | RequestTooLarge):
        return None
    before = [block for message in messages for block in message.blocks]
    after = [_without_images(block, f"[An image is left out: {error.said}]") for block in before]
    if after == before and isinstance(error, RequestTooLarge):
        after = [_without_long_text(block) for block in before]
    return None if after == before else after


def _without_images(block: Block, words: str) -> Block:
    text: Block = {"type": "text", "text": words}
    if block.get("type") == "image":
        return text
    parts = block.get("content")
    if not isinstance(parts, list):
        return block
    return {**block, "content": [text if part.get("type") == "image" else part for part in cast(list[Block], parts)]}


def _without_long_text(block: Block) -> Block:
    content = block.get("content")
    if block.get("type") != "tool_result" or not isinstance(content, str) or len(content) < _LARGE_CHARS:
        return block
    left_out = f"[{len(content) - 2_000:,} characters are left out: the request was too large for the service.]"
    return {**block, "content": f"{content[:2_000]}\n{left_out}"}
