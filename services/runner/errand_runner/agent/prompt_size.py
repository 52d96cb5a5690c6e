"""How many tokens a request has at most, before the service has counted them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from errand_runner.agent.blocks import Block
from errand_runner.agent.mending import unanswered
from errand_runner.agent.transcript import Message, Transcript

IMAGE_TOKENS = 5_000
"""More than the service counts for the largest picture that it takes."""

# What the service says to the model of its tools, in its own words.
_PREAMBLE_TOKENS = 1_000


def most_tokens(transcript: Transcript) -> int:
    """What was counted with the latest reply, and a token for each byte of what is new: none is shorter."""
    if transcript.used_tokens:
        return transcript.used_tokens + sum(map(_most, unanswered(transcript.messages)))
    return _PREAMBLE_TOKENS + len(transcript.prefix.document) + sum(map(_most, transcript.messages))


def _most(message: Message) -> int:
    pictures = list(_pictures(message.blocks))
    return len(message.content) - sum(map(len, pictures)) + IMAGE_TOKENS * len(pictures)


def _pictures(blocks: Sequence[Block]) -> Iterator[str]:
    """The data of the pictures, those in tool results too."""
    for block in blocks:
        if block.get("type") == "image":
            yield str(cast(Mapping[str, object], block.get("source") or {}).get("data", ""))
        elif isinstance(content := block.get("content"), list):
            yield from _pictures(cast(Sequence[Block], content))
