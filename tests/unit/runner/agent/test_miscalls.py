"""Claude that makes nothing but calls that no tool takes is told so after three replies; then the person is asked."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from errand_common.values import Role, WaitReason
from errand_runner.agent.blocks import encode
from errand_runner.agent.facts import EndReason, TurnEnded, Waiting
from errand_runner.agent.miscalls import LOST
from errand_runner.agent.ours import MISCALLING, NUDGE
from errand_runner.agent.prompt import MID_WORK
from errand_runner.agent.said import Answer
from errand_runner.agent.stuck import ADVICE, Course, course
from errand_runner.agent.tools.wrong import no_such_tool, not_valid
from errand_runner.agent.transcript import Message, ToolResult
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Reply, Request, Text, ToolUse, in_turn
from tests.unit.runner.agent.harness import Errand, errand

DONE = Reply([Text("Done.")])
UNKNOWN = Reply([ToolUse("teleport", {"where": "home"})])
MISSPELT = Reply([ToolUse("bash", {"cmd": "ls"})])
WRONG_TYPE = Reply([ToolUse("read", {"path": 7})])
TWO_WRONG = Reply([ToolUse("fly", {}), ToolUse("bash", {})])
HALF_RIGHT = Reply([ToolUse("fly", {}), ToolUse("bash", {"command": "true"})])
ADVISED = Answer("Use bash.", "inp_2")

NONE, BAD = no_such_tool("fly", ["bash"]), not_valid("bash", "command: Field required")


def history(*replies: Sequence[str] | str) -> Sequence[Message]:
    """A conversation: each reply is what its calls were answered with, errors all; a text of ours stands alone."""
    messages = [Message("msg_0", Role.USER, encode([{"type": "text", "text": "Go"}]))]
    for number, told in enumerate(replies):
        if isinstance(told, str):
            messages.append(Message(f"msg_{number}n", Role.USER, encode([{"type": "text", "text": told}])))
            continue
        ids = [f"t{number}_{place}" for place in range(len(told))]
        uses = [{"type": "tool_use", "id": each, "name": "bash", "input": {"command": each}} for each in ids]
        results = [ToolResult.of_text(*each, is_error=True).block() for each in zip(ids, told, strict=True)]
        messages.append(Message(f"msg_{number}a", Role.ASSISTANT, encode(uses)))
        messages.append(Message(f"msg_{number}u", Role.USER, encode(results)))
    return messages


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ([[NONE], [BAD]], Course.WELL),
        ([[NONE], [BAD], [BAD]], Course.MISCALLING),
        ([[NONE, BAD, NONE]], Course.WELL),
        ([[NONE], [BAD], [NONE, "No such file"]], Course.WELL),
        ([["No such file"], [BAD], [NONE]], Course.WELL),
        ([[NONE], "Go on.", [BAD], [NONE]], Course.WELL),
        ([[NONE], NUDGE, [BAD], [NONE]], Course.MISCALLING),
        ([[NONE], [BAD], [NONE], MISCALLING], Course.WELL),
        ([[NONE], [BAD], [NONE], MISCALLING, [BAD]], Course.LOST),
        ([[NONE], [BAD], [NONE], MISCALLING, ["No such file"]], Course.WELL),
        ([[NONE], [BAD], [NONE], MISCALLING, ["No such file"], [BAD]], Course.WELL),
        ([[NONE], [BAD], [NONE], MISCALLING, [BAD], "Go on."], Course.WELL),
    ],
)
def test_it_is_lost_that_calls_nothing_right_after_it_was_told(
    replies: Sequence[Sequence[str] | str], expected: Course
) -> None:
    assert course(history(*replies)) is expected


def told(task: Errand) -> list[str]:
    """What Claude was told beside results, in the latest request."""
    said = [block for message in task.messages if message["role"] == "user" for block in message["content"]]
    return [block["text"] for block in said if block["type"] == "text"]


async def test_three_wrong_calls_in_a_row_are_told_of_and_the_next_one_asks_the_person(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    script = in_turn(UNKNOWN, MISSPELT, TWO_WRONG, WRONG_TYPE, DONE)
    async with errand(script, supervisor, tmp_path) as task:
        task.answers.append(ADVISED)
        assert await task.turn("Go") == TurnEnded(EndReason.COMPLETED, "Done.")
        assert told(task) == ["Go", MISCALLING, f"{MID_WORK}\n\nUse bash."]
        assert task.messages == task.recorded[:-1]
    assert [fact for fact in task.facts if isinstance(fact, Waiting)] == [
        Waiting(WaitReason.QUESTION, LOST, choices=ADVICE)
    ]


async def test_without_a_word_in_time_the_turn_ends_and_goes_on_with_what_the_person_says(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with errand(in_turn(UNKNOWN, MISSPELT, WRONG_TYPE, UNKNOWN, DONE), supervisor, tmp_path) as task:
        assert await task.turn("Go") == TurnEnded(EndReason.PARKED, LOST)
        task.transcript = task.record.restore()
        assert (await task.turn("Use bash.")).reason is EndReason.COMPLETED
        assert told(task) == ["Go", MISCALLING, "Use bash."]


async def test_the_same_wrong_call_is_told_of_as_wrong_and_not_as_the_same(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with errand(in_turn(UNKNOWN, UNKNOWN, UNKNOWN, DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        assert told(task) == ["Go", MISCALLING]
        assert NUDGE not in str(task.claude.requests)


async def test_a_right_call_among_them_begins_the_count_anew(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(UNKNOWN, MISSPELT, HALF_RIGHT, UNKNOWN, DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        assert told(task) == ["Go"]


@pytest.mark.parametrize("facts", range(1, 20))
async def test_whenever_it_crashes_wrong_calls_are_counted_on(
    supervisor: Supervisor, tmp_path: Path, facts: int
) -> None:
    def script(request: Request) -> Reply:
        return Reply([ToolUse("teleport", {"where": request.number})])

    async with errand(script, supervisor, tmp_path) as task:
        if not await task.turn_until_crash("Go", facts=facts):
            assert (await task.turn("" if task.record.messages else "Go")).text == LOST
        wrong = ["There is no tool" in fact.content.decode() for fact in task.record.messages]
        broken = ["interrupted" in fact.content.decode() for fact in task.record.messages]
        # What a crash left open is neither right nor wrong: the count begins anew behind it.
        assert sum(wrong[broken.index(True) :] if True in broken else wrong) == 4
        assert told(task)[-1] == MISCALLING
