"""Where a request asks the service to keep what it has read, beside the automatic mark at its end.

A mark finds what an earlier request kept only within the 20 blocks before it, so what a long turn adds is marked on the
way. Four marks may stand in a request: the system prompt's, the automatic one, and two here.
"""

from collections.abc import Iterator, Sequence

from errand_common.values import Role
from errand_runner.agent.blocks import Block, encode
from errand_runner.agent.transcript import Message

EPHEMERAL: Block = {"type": "ephemeral"}
_EVERY_BLOCKS = 15
_MOST = 2
_MARKABLE = frozenset({"text", "image", "tool_use", "tool_result"})

Place = tuple[int, int]


def contents(messages: Sequence[Message]) -> list[bytes]:
    """Gives the messages' contents with marks in what came since the request before; all else is as it is stored."""
    marks = set(_marks(messages))
    marked = {number for number, _ in marks}
    return [
        encode([_marked(block, (number, place) in marks) for place, block in enumerate(message.blocks)])
        if number in marked
        else message.content
        for number, message in enumerate(messages)
    ]


def _marks(messages: Sequence[Message]) -> Iterator[Place]:
    numbers = reversed(range(len(messages)))
    reply = next((number for number in numbers if messages[number].role is Role.ASSISTANT), len(messages))
    added = [(number, place) for number in range(reply, len(messages)) for place in range(len(messages[number].blocks))]
    for end in range(_EVERY_BLOCKS, len(added), _EVERY_BLOCKS)[:_MOST]:
        # Thoughts take no mark: the block before them does.
        for number, place in reversed(added[end - _EVERY_BLOCKS : end]):
            if messages[number].blocks[place].get("type") in _MARKABLE:
                yield number, place
                break


def _marked(block: Block, is_mark: bool) -> Block:
    return {**block, "cache_control": EPHEMERAL} if is_mark else block
