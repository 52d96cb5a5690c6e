"""Where a request asks the service to keep what it has read, beside the automatic mark at its end.

A mark finds what an earlier request kept only within the 20 blocks before it, so what a long turn adds is marked on the
way. Four marks may stand in a request: the system prompt's, the automatic one, and two here.
"""

from collections.abc import Iterator, Sequence
from typing import cast

from errand_common.values import Role
from errand_runner.agent.transcript import Block

EPHEMERAL: Block = {"type": "ephemeral"}
_EVERY_BLOCKS = 15
_MOST = 2
_MARKABLE = frozenset({"text", "image", "tool_use", "tool_result"})

Place = tuple[int, int]


def marked(messages: Sequence[Block]) -> list[Block]:
    """Gives the messages with marks in what came since the request before; nothing else of them is changed."""
    marks = set(_marks(messages))
    return [
        {
            **message,
            "content": [_marked(block, (number, place) in marks) for place, block in enumerate(_blocks(message))],
        }
        if any(number == at for at, _ in marks)
        else message
        for number, message in enumerate(messages)
    ]


def _marks(messages: Sequence[Block]) -> Iterator[Place]:
    replies = [number for number, message in enumerate(messages) if message["role"] == Role.ASSISTANT]
    added = [
        (number, place)
        for number in range(replies[-1] if replies else len(messages), len(messages))
        for place in range(len(_blocks(messages[number])))
    ]
    for end in range(_EVERY_BLOCKS, len(added), _EVERY_BLOCKS)[:_MOST]:
        # Thoughts take no mark: the block before them does.
        for number, place in reversed(added[end - _EVERY_BLOCKS : end]):
            if _blocks(messages[number])[place].get("type") in _MARKABLE:
                yield number, place
                break


def _blocks(message: Block) -> Sequence[Block]:
    return cast(Sequence[Block], message["content"])


def _marked(block: Block, is_mark: bool) -> Block:
    return {**block, "cache_control": EPHEMERAL} if is_mark else block
