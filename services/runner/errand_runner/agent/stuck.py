"""Whether Claude goes round in circles, or calls nothing right: a look at what it did since the person last spoke."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from errand_common.values import Role
from errand_runner.agent.blocks import Block
from errand_runner.agent.miscalls import LOST, is_lost, is_miscalling
from errand_runner.agent.ours import MISCALLING, NUDGE, persons_words
from errand_runner.agent.transcript import Message, ToolCall

STUCK = "Claude does the same again and again, with the same result, also after it was told so. What should it do?"
ADVICE = ("Try another way.", "Stop here and say what is done.")

# Of no use to repeat so often in a row: the same with the same result, with an error, and two by turns.
_SAME = 4
_SAME_ERROR = 3
_ROUNDS = 3
# So many messages are looked at: a circle is short, and a long conversation is not to be read before each request.
_MESSAGES = 64
# Asking again whether something has ended is what these are for.
_WAITS = frozenset({"bash_output", "wait"})
_DURATION = re.compile(r"\d+(?:[.,]\d+)?\s?(?:ms|s|seconds)\b")
_ERROR = "error"


class Course(StrEnum):
    """How the work goes on: well, in a circle or by wrong calls alone, of which Claude is to be told, or so in spite of
    that."""

    WELL = "well"
    CIRCLE = "circle"
    MISCALLING = "miscalling"
    STUCK = "stuck"
    LOST = "lost"


NUDGES = {Course.CIRCLE: NUDGE, Course.MISCALLING: MISCALLING}
"""What Claude is told."""
QUESTIONS = {Course.STUCK: STUCK, Course.LOST: LOST}
"""What the person is asked where that did not help."""


Deed = tuple[ToolCall, Block]
"""A tool call and the block that tells its result."""


@dataclass(frozen=True)
class Step:
    """A tool call and what it came to, each so that what does not matter is equal."""

    call: str
    outcome: str


def course(messages: Sequence[Message]) -> Course:
    """Looks at the conversation's end; what a restarted runner reads it sees alike."""
    if is_miscalling(messages):
        return Course.MISCALLING
    if is_lost(messages):
        return Course.LOST
    before, after = _deeds(messages[-_MESSAGES:])
    circle = _circle([_step(*deed) for deed in before[-2 * _ROUNDS :]]) if _again(before) else set()
    if after is None:
        return Course.CIRCLE if circle else Course.WELL
    return Course.STUCK if circle and circle & {_step(*deed) for deed in after} else Course.WELL


def _deeds(messages: Sequence[Message]) -> tuple[list[Deed], list[Deed] | None]:
    """What was done since the person's latest words, before and after Claude was told of a circle; None for the latter
    where it was not."""
    calls: dict[str, ToolCall] = {}
    before: list[Deed] = []
    after: list[Deed] | None = None
    for message in messages:
        calls |= {call.tool_use_id: call for call in message.calls}
        for block in message.blocks if message.role is Role.USER else ():
            call = calls.get(str(block.get("tool_use_id")))
            if block.get("type") == "tool_result" and call is not None and call.name not in _WAITS:
                (before if after is None else after).append((call, block))
            elif block.get("text") == NUDGE:
                after = []
        if persons_words(message):
            before, after = [], None
    return before, after


def _again(deeds: Sequence[Deed]) -> bool:
    """Whether the last call was made shortly before, too. Looked at before each request, while outputs may be large: so
    these are compared only then."""
    given = [_given(call) for call, _ in deeds[-3:]]
    return bool(given) and given[-1] in given[:-1]


def _step(call: ToolCall, result: Block) -> Step:
    told = _ERROR if result.get("is_error") else _DURATION.sub("", json.dumps(result.get("content")))
    return Step(_given(call), told)


def _given(call: ToolCall) -> str:
    return " ".join(json.dumps([call.name, call.input], sort_keys=True).split())


def _circle(steps: Sequence[Step]) -> set[Step]:
    """The steps that go round at the end; none where nothing does."""
    if not steps:
        return set()
    times = _SAME_ERROR if steps[-1].outcome == _ERROR else _SAME
    if len(steps) >= times and len(set(steps[-times:])) == 1:
        return {steps[-1]}
    by_turns = steps[-2 * _ROUNDS :]
    if len(by_turns) == 2 * _ROUNDS and len(set(by_turns[::2])) == len(set(by_turns[1::2])) == 1:
        return set(by_turns)
    return set()
