"""Whether Claude makes nothing but calls that no tool takes."""

from collections.abc import Sequence

from errand_common.values import Role
from errand_runner.agent.blocks import Block
from errand_runner.agent.ours import MISCALLING, persons_words
from errand_runner.agent.tools.wrong import was_wrong
from errand_runner.agent.transcript import Message

LOST = "Claude calls its tools wrongly time after time, also after it was told so. What should it do?"

# So many replies in a row that ask for nothing else. Each is answered with what is wrong; then it is told of all.
_IN_A_ROW = 3


def is_miscalling(messages: Sequence[Message]) -> bool:
    """Whether Claude is to be told that none of its latest calls was right."""
    count, was_told = _miscalled(messages)
    return count >= _IN_A_ROW and not was_told


def is_lost(messages: Sequence[Message]) -> bool:
    """Whether it made another wrong call right after it was told."""
    count, was_told = _miscalled(messages)
    return count > 0 and was_told


def _miscalled(messages: Sequence[Message]) -> tuple[int, bool]:
    """How many of the latest replies hold wrong calls alone, and whether Claude was told of that since its last right
    call and the person's last words. What a restarted runner reads it sees alike."""
    count = 0
    for message in reversed(messages):
        if message.role is not Role.USER:
            continue
        if any(block.get("text") == MISCALLING for block in message.blocks):
            return count, True
        results = [block for block in message.blocks if block.get("type") == "tool_result"]
        if persons_words(message) or not all(map(_is_wrong, results)):
            break
        count += bool(results)
    return count, False


def _is_wrong(result: Block) -> bool:
    # By what was answered, not by today's tools: those of a newer release may take what was refused.
    return result.get("is_error") is True and was_wrong(str(result.get("content")))
