"""Which of the texts that Claude is told are the runner's own, and which a person's."""

from collections.abc import Sequence

from errand_common.values import Role
from errand_runner.agent.allowance import ALMOST_SPENT
from errand_runner.agent.judge import GO_ON, SAY_SOMETHING
from errand_runner.agent.prompt import AFTER_WAIT, BACKGROUND_ENDED
from errand_runner.agent.transcript import Message

NUDGE = (
    "You have done the same several times now, and it came to the same. Doing it again will not help: step back, say"
    " what you know and what you assumed, and try another way. If there is none, ask the person, or stop and say so."
)

MISCALLING = (
    "Nothing of what you called lately was run: no tool takes it so. Read the names of your tools and what each takes"
    " again before the next call. What none of them does, do with bash; where that does not help either, ask the"
    " person, or stop and say so."
)

CHECK_FAILED = "The project's check failed on what you pushed, commit"
"""What a note on that begins with."""

_OURS = frozenset({NUDGE, MISCALLING, GO_ON, SAY_SOMETHING, AFTER_WAIT, BACKGROUND_ENDED})


def persons_words(message: Message) -> Sequence[str]:
    """What a person says in the message, each text as Claude is told it."""
    if message.role is not Role.USER:
        return ()
    texts = (str(block.get("text")) for block in message.blocks if block.get("type") == "text")
    return [text for text in texts if not _is_ours(text)]


def _is_ours(text: str) -> bool:
    return text in _OURS or text.startswith((CHECK_FAILED, ALMOST_SPENT))
