"""How full the model's context is."""

from errand_runner.agent.exchange import Tokens
from errand_runner.agent.facts import ContextMeasured

# It is told whenever it passes a twentieth of the whole: often enough to see it fill, and no event for each reply.
_STEPS = 20


def used_after(tokens: Tokens) -> int:
    """What the next request begins with: all that was sent, and the reply."""
    return tokens.prompt + tokens.output


def measured(before: int, after: int, *, context: int) -> ContextMeasured | None:
    """What to tell of a change from so many tokens to so many; None where it is not worth it."""
    if before * _STEPS // context == after * _STEPS // context:
        return None
    return ContextMeasured(after, context)


def is_nearly_full(used: int, *, context: int, reply: int) -> bool:
    """Whether it is time to make room: what tools give next, and a reply of so many tokens, may not fit any more."""
    return used > max(context // 2, context * 4 // 5 - reply)
