"""A request as it goes out: what is on record byte for byte as it is stored, without being read and written anew."""

from collections.abc import Iterator, Mapping

from errand_common.values import Role
from errand_runner.agent.blocks import encode
from errand_runner.agent.caching import contents
from errand_runner.agent.exchange import Request

SUMMARIES = "compact-2026-09-04"
"""The beta of summaries on demand, as this release speaks of them."""
BETA = "anthropic-beta"
"""The header that asks for betas."""

# One mark on the last block, moved forward by the service as the conversation grows.
_ALWAYS = b'"cache_control":{"type":"ephemeral"},"stream":true'
_SUMS_UP = b',"compaction":{"type":"summarize"}'
_ROLES = {role: b'{"role":"%s","content":' % role.encode() for role in Role}


def body_of(request: Request) -> bytes:
    """The request's JSON: the frozen beginning, the messages and their marks."""
    # Put together once: a long conversation is a megabyte, which each step on the way would copy.
    parts = [b"{", _prefix(request), b',"messages":[']
    for number, (message, content) in enumerate(zip(request.messages, contents(request.messages), strict=True)):
        parts += [b"," if number else b"", _ROLES[message.role], content, b"}"]
    parts += [b"],", _ALWAYS, _SUMS_UP if request.sums_up else b"", b"}"]
    return b"".join(parts)


def knows_summaries(request: Request) -> bool:
    """Whether it asks for one, or sends one back."""
    return request.sums_up or any(message.is_summary for message in request.messages[:1])


def betas_in(headers: Mapping[str, str]) -> Iterator[str]:
    """What a request's own header must repeat: it stands in the place of the one that goes with every request."""
    for name, value in headers.items():
        if name.lower() == BETA:
            yield from (beta for each in value.split(",") if (beta := each.strip()) and beta != SUMMARIES)


def _prefix(request: Request) -> bytes:
    document = request.prefix.document
    if request.max_tokens is not None:
        document = encode({**request.prefix.params, "max_tokens": request.max_tokens})
    return document.strip()[1:-1]
