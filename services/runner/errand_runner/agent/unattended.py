"""What Claude may believe to run still, though nothing outlives its turn, a wait without a sandbox, or a restart."""

from collections.abc import Sequence

from errand_runner.agent.prompt import AFTER_WAIT, BACKGROUND_ENDED
from errand_runner.agent.transcript import Message


def counts_on_background(messages: Sequence[Message]) -> bool:
    """Whether it started something in the background and was not told since that it ended with all else."""
    for message in reversed(messages):
        if any(call.name == "bash" and call.input.get("background") is True for call in message.calls):
            return True
        if any(block.get("text") in (AFTER_WAIT, BACKGROUND_ENDED) for block in message.blocks):
            return False
    return False
