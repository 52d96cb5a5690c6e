"""Claude that goes round in circles is told so once, and then the person is asked."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from errand_common.values import Role, WaitReason
from errand_runner.agent.blocks import encode
from errand_runner.agent.facts import EndReason, TurnEnded, Waiting, WaitOver
from errand_runner.agent.ours import NUDGE
from errand_runner.agent.prompt import MID_WORK
from errand_runner.agent.said import Answer
from errand_runner.agent.stuck import ADVICE, STUCK, Course, course
from errand_runner.agent.transcript import Message, ToolResult
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Reply, Request, Text, ToolUse, in_turn
from tests.unit.runner.agent.harness import Errand, errand

DONE = Reply([Text("Done.")])
Done = tuple[str, str, bool]


def history(*steps: Done | str) -> Sequence[Message]:
    """A conversation: each step is a command with its result and whether that is an error, or a text of ours."""
    messages = [Message("msg_0", Role.USER, encode([{"type": "text", "text": "Go"}]))]
    for number, step in enumerate(steps):
        if isinstance(step, str):
            messages.append(Message(f"msg_{number}n", Role.USER, encode([{"type": "text", "text": step}])))
            continue
        command, result, is_error = step
        use = {"type": "tool_use", "id": f"t{number}", "name": "bash", "input": {"command": command}}
        answer = ToolResult.of_text(f"t{number}", result, is_error=is_error).block()
        messages.append(Message(f"msg_{number}a", Role.ASSISTANT, encode([use])))
        messages.append(Message(f"msg_{number}u", Role.USER, encode([answer])))
    return messages


OK, BAD = ("ls", "a b", False), ("ls", "no", True)
A, B = ("make", "broken", False), ("git diff", "nothing", False)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((), Course.WELL),
        ([OK] * 3, Course.WELL),
        ([OK] * 4, Course.CIRCLE),
        ([BAD] * 2, Course.WELL),
        ([BAD] * 3, Course.CIRCLE),
        ([BAD, ("ls", "never", True), BAD], Course.CIRCLE),
        ([OK, OK, OK, ("ls", "c", False)], Course.WELL),
        ([OK, OK, OK, ("ls -a", "a b", False)], Course.WELL),
        ([("ls", f"a [exit code 0 after 0.{number} s]", False) for number in range(4)], Course.CIRCLE),
        ([("ls  -a", "a", False), ("ls -a", "a", False)] * 2, Course.CIRCLE),
        ([A, B] * 2 + [A], Course.WELL),
        ([A, B] * 3, Course.CIRCLE),
        ([OK] * 4 + [NUDGE], Course.WELL),
        ([OK] * 4 + [NUDGE, A], Course.WELL),
        ([OK] * 4 + [NUDGE, A, OK], Course.STUCK),
        ([OK] * 4 + [NUDGE, ("ls", "c", False)], Course.WELL),
        ([A, B] * 3 + [NUDGE, B], Course.STUCK),
        ([OK] * 4 + [NUDGE, OK, "Try harder."], Course.WELL),
        ([OK] * 3 + ["Go on."] + [OK], Course.WELL),
        ([OK] * 4 + [NUDGE, "Go on."] + [OK] * 4, Course.CIRCLE),
    ],
)
def test_a_circle_is_the_same_with_the_same_result(steps: Sequence[Done | str], expected: Course) -> None:
    assert course(history(*steps)) is expected


def test_waiting_for_what_runs_is_no_circle() -> None:
    use = {"type": "tool_use", "id": "t", "name": "wait", "input": {"seconds": 60}}
    waits = []
    for number in range(6):
        waits.append(Message(f"a{number}", Role.ASSISTANT, encode([use])))
        waits.append(Message(f"u{number}", Role.USER, encode([ToolResult.of_text("t", "Waited 60 s.").block()])))
    assert course(waits) is Course.WELL


def stubborn(request: Request) -> Reply:
    """Does the same for ever, until the person says something else."""
    return DONE if request.said.startswith(MID_WORK) else Reply([ToolUse("bash", {"command": "cat nothing-here"})])


def nudges(task: Errand) -> int:
    return sum(block.get("text") == NUDGE for message in task.messages for block in message["content"])


async def test_who_goes_round_is_told_once_and_then_the_person_is_asked(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(stubborn, supervisor, tmp_path) as task:
        task.answers.append(Answer("Leave it.", "inp_2"))
        assert await task.turn("Go") == TurnEnded(EndReason.COMPLETED, "Done.")
        assert len(task.claude.requests) == 6
        assert nudges(task) == 1
        assert task.messages[-1]["content"] == [{"type": "text", "text": f"{MID_WORK}\n\nLeave it."}]
    assert [fact for fact in task.facts if isinstance(fact, Waiting)] == [
        Waiting(WaitReason.QUESTION, STUCK, choices=ADVICE)
    ]
    assert [fact.input_id for fact in task.facts if isinstance(fact, WaitOver)] == ["inp_2"]
    assert [fact.input_ids for fact in task.record.messages if fact.input_ids] == [("inp_2",)]


async def test_without_a_word_in_time_it_parks_and_goes_on_with_what_the_person_says(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    answers = [Reply([ToolUse("bash", {"command": "cat nothing-here"})]) for _ in range(5)]
    async with errand(in_turn(*answers, DONE), supervisor, tmp_path) as task:
        assert await task.turn("Go") == TurnEnded(EndReason.PARKED, STUCK)
        task.transcript = task.record.restore()
        assert (await task.turn("Leave it.")).reason is EndReason.COMPLETED
        assert task.messages[-1]["content"] == [{"type": "text", "text": "Leave it."}]
