"""What Claude is told of a check that failed, so that it may mend it; how often, is read off the conversation."""

import re
from collections.abc import Sequence

from errand_common.values import Role
from errand_runner.agent.ours import CHECK_FAILED, persons_words
from errand_runner.agent.transcript import Message

MOST_ROUNDS = 2
"""So often Claude may mend what a check found, since a person last said something (ARCHITECTURE.md, Bounds)."""

_TOLD = re.compile(re.escape(CHECK_FAILED) + r" ([0-9a-f]{40,64})")


def note_of_check(messages: Sequence[Message], *, commit: str, reason: str, printed: str) -> str:
    """What to tell of a check that failed on a commit; empty where Claude has had its chances, or left it at that."""
    told = _told(messages)
    if commit in told or len(told) >= MOST_ROUNDS:
        return ""
    last = " It is the last time." if len(told) + 1 == MOST_ROUNDS else ""
    return (
        f"{CHECK_FAILED} {commit}: {reason}. It ran in a sandbox of its own, cloned from your branch and set up anew:"
        f" nothing was in it that you did not push. {_words(printed)}\n\nMend it where it is yours to mend: when you"
        f" stop, what you changed is committed, pushed and checked again.{last} Where it is not, say so and stop."
    )


def _words(printed: str) -> str:
    return f"The end of what it printed:\n\n{printed}" if printed else "It printed nothing."


def _told(messages: Sequence[Message]) -> list[str]:
    """The commits of which Claude was told so since a person's last words, the latest first."""
    commits: list[str] = []
    for message in reversed(messages):
        for block in message.blocks if message.role is Role.USER else ():
            if found := _TOLD.match(str(block.get("text", ""))):
                commits.append(found[1])
        if persons_words(message):
            break
    return commits
