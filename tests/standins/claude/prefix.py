"""The conversation as a chain of blocks: what thoughts are bound to, and what the cache knows."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.standins.claude.replies import invalid
from tests.standins.claude.request import blocks
from tests.standins.claude.rules import Refused

# Documented: a breakpoint looks back over at most this many blocks for an entry.
_LOOKBACK_BLOCKS = 20
_SHORTEST_ENTRY_TOKENS = 1_024
_MOST_BREAKPOINTS = 4


@dataclass(frozen=True)
class Link:
    """One block: the digest of everything up to and with it, and the tokens up to and with it."""

    digest: str
    tokens: int
    is_breakpoint: bool


@dataclass(frozen=True)
class Chain:
    """A request's blocks in the order in which they count: tools, system, messages."""

    links: tuple[Link, ...]

    @property
    def end(self) -> str:
        """The digest of the whole request: what the next thought is bound to."""
        return self.links[-1].digest

    @property
    def tokens(self) -> int:
        """The whole request's tokens."""
        return self.links[-1].tokens


@dataclass(frozen=True)
class Counted:
    """A request's tokens: read from the cache, written to it, and neither."""

    read: int
    written: int
    plain: int


class Cache:
    """The entries that earlier requests wrote. Nothing expires: a test is shorter than five minutes."""

    def __init__(self) -> None:
        self._entries: set[str] = set()

    def count(self, chain: Chain) -> Counted:
        """Counts a request, and keeps what it writes."""
        marks = [place for place, link in enumerate(chain.links) if link.is_breakpoint]
        if not marks or chain.links[marks[-1]].tokens < _SHORTEST_ENTRY_TOKENS:
            return Counted(0, 0, chain.tokens)
        read = max((self._found(chain, mark) for mark in marks), default=0)
        self._entries.update(chain.links[mark].digest for mark in marks)
        cached = chain.links[marks[-1]].tokens
        return Counted(read, cached - read, chain.tokens - cached)

    def _found(self, chain: Chain, mark: int) -> int:
        for link in reversed(chain.links[max(0, mark - _LOOKBACK_BLOCKS) : mark + 1]):
            if link.digest in self._entries:
                return link.tokens
        return 0


def chain_of(body: Mapping[str, Any]) -> Chain:
    """Reads a request's chain; raises Refused when a thought in it was signed for another conversation."""
    links: list[Link] = []
    digest, tokens = _digest("", body["model"]), 0
    before_message = digest
    for role, block, is_first in _units(body):
        before_message = digest if is_first else before_message
        if block.get("type") == "thinking" and block["signature"] != sign(before_message, block["thinking"]):
            raise Refused(invalid("`thinking` blocks are bound to a different conversation; send them as they were."))
        if block.get("type") == "compaction" and block["signature"] != sign("compaction", block["content"]):
            raise Refused(
                invalid("The `compaction` block's signature does not verify.", "compaction_signature_invalid")
            )
        plain = {key: value for key, value in block.items() if key != "cache_control"}
        text = json.dumps(plain, sort_keys=True)
        digest, tokens = _digest(digest, role, text), tokens + count_tokens(text)
        links.append(Link(digest, tokens, "cache_control" in block))
    if "cache_control" in body:
        links[-1] = Link(links[-1].digest, links[-1].tokens, True)
    if sum(link.is_breakpoint for link in links) > _MOST_BREAKPOINTS:
        raise Refused(invalid(f"A maximum of {_MOST_BREAKPOINTS} blocks with cache_control may be provided."))
    return Chain(tuple(links))


def sign(before: str, thought: str) -> str:
    """Signs a thought for its place: it is worth nothing anywhere else. A hidden thought is signed as empty text."""
    return _digest("signature", before, thought)


def count_tokens(text: str) -> int:
    """About four characters a token."""
    return len(text) // 4 + 1


def _units(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    for tool in body.get("tools", ()):
        yield "tools", tool, True
    system = body.get("system", ())
    for block in [{"type": "text", "text": system}] if isinstance(system, str) else system:
        yield "system", block, True
    for message in body["messages"]:
        for place, block in enumerate(blocks(message)):
            yield message["role"], block, place == 0


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
