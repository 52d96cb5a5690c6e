"""What a script is."""

from collections.abc import Awaitable, Callable

from tests.standins.claude.replies import Failure, Reply
from tests.standins.claude.request import Request

Answer = Reply | Failure
Script = Callable[[Request], Answer | Awaitable[Answer]]


def in_turn(*answers: Answer) -> Script:
    """A script that gives these answers one after the other, and is not asked for more."""
    left = list(answers)

    def script(request: Request) -> Answer:
        assert left, f"request {request.number} was not expected; the conversation is {request.messages}"
        return left.pop(0)

    return script
