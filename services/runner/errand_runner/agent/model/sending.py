"""A request as the SDK takes it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from anthropic.types import CacheControlEphemeralParam, MessageParam

from errand_runner.agent.caching import marked
from errand_runner.agent.exchange import Request
from errand_runner.agent.transcript import COMPACTION, Block

SUMMARIES = "compact-2026-09-04"
"""The beta of summaries on demand, as this release speaks of them."""
BETA = "anthropic-beta"
"""The header that asks for betas."""

# One mark on the last block, moved forward by the service as the conversation grows.
_CACHE: CacheControlEphemeralParam = {"type": "ephemeral"}


def arguments_of(request: Request) -> dict[str, Any]:
    """What the frozen beginning, the messages and the marks come to."""
    params = dict(request.prefix.params)
    if request.max_tokens is not None:
        params["max_tokens"] = request.max_tokens
    messages = cast(Iterable[MessageParam], marked(request.messages))
    return {**params, "messages": messages, "cache_control": _CACHE}


def begins_with_summary(request: Request) -> bool:
    """Whether it sends back what Claude summed up."""
    blocks = [cast(Sequence[Block], message["content"]) for message in request.messages[:1]]
    return any(block.get("type") == COMPACTION for first in blocks for block in first)


def betas_in(headers: Mapping[str, str]) -> Iterator[str]:
    """What a request's own header must repeat: it stands in the place of the one that goes with every request."""
    for name, value in headers.items():
        if name.lower() == BETA:
            yield from (beta for each in value.split(",") if (beta := each.strip()) and beta != SUMMARIES)
