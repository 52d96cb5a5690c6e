"""Where the model declines, another one goes on: once, in a fresh context, whatever is interrupted on the way."""

import json
from pathlib import Path

import pytest

from errand_common.values import Role
from errand_runner.agent.facts import ConversationShortened, EndReason, ModelChanged, ReplyDropped, TurnEnded
from errand_runner.agent.handoff import TAKEN_OVER
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Reply, Request, Text, Thinking, ToolUse
from tests.unit.runner.agent.harness import MODEL, errand

OTHER = "claude-opus-5-5"
DECLINED = Reply([Text("I would ra")], stop_reason="refusal", refusal="cyber")
LOOK = Reply([Thinking("Hm."), Text("I look."), ToolUse("bash", {"command": "echo suspicious"}, "t1")])
DONE = Reply([Text("Done.")])


def declining(request: Request) -> Reply:
    """The first model looks, then declines; the other one does the work."""
    if request.body["model"] == OTHER:
        return DONE
    return LOOK if len(request.messages) == 1 and TAKEN_OVER not in str(request.messages) else DECLINED


async def test_another_model_goes_on_with_a_note_and_what_the_task_began_with(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with errand(declining, supervisor, tmp_path, fallback_model=OTHER) as task:
        assert await task.turn("Fix the lock") == TurnEnded(EndReason.COMPLETED, "Done.")
        first, _, last = task.claude.requests
        (kept,) = [fact.message for fact in task.facts if isinstance(fact, ConversationShortened)]
        assert (first["model"], last["model"]) == (MODEL, OTHER)
        assert (last["system"], last["tools"]) == (first["system"], first["tools"])
        assert last["messages"] == [{"role": "user", "content": json.loads(kept.content)}]
    words, note = (block["text"] for block in json.loads(kept.content))
    assert words == "Fix the lock"
    assert note.startswith(TAKEN_OVER)
    assert "I look." in note
    assert "suspicious" not in note
    assert (kept.role, kept.replaces) == (Role.USER, task.record.messages[0].message_id)
    (changed,) = [fact for fact in task.facts if isinstance(fact, ModelChanged)]
    assert (changed.prefix.model, changed.replaced_model) == (OTHER, MODEL)
    assert changed.reason == "Claude declined to go on (cyber)."
    told = [type(fact) for fact in task.facts]
    assert told.index(ReplyDropped) < told.index(ConversationShortened) < told.index(ModelChanged)
    assert "I would ra" not in str(task.claude.requests)


async def test_a_later_turn_goes_on_with_the_other_model(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(declining, supervisor, tmp_path, fallback_model=OTHER) as task:
        await task.turn("Fix the lock")
        task.transcript = task.record.restore()
        await task.turn("And the door")
        assert task.claude.requests[-1]["model"] == OTHER
        assert task.messages[:-1] == [
            *task.claude.requests[-2]["messages"],
            {"role": "assistant", "content": [{"type": "text", "text": "Done."}]},
        ]


async def test_a_second_refusal_ends_the_turn(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(lambda request: DECLINED, supervisor, tmp_path, fallback_model=OTHER) as task:
        ended = TurnEnded(EndReason.MODEL_REFUSED, "Claude declined to go on (cyber).")
        assert await task.turn("Fix the lock") == ended
        assert [request["model"] for request in task.claude.requests] == [MODEL, OTHER]
        task.transcript = task.record.restore()
        assert await task.turn("Please") == ended
        assert [request["model"] for request in task.claude.requests] == [MODEL, OTHER, OTHER]


async def test_without_another_model_the_first_refusal_ends_it(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(lambda request: DECLINED, supervisor, tmp_path) as task:
        assert (await task.turn("Fix the lock")).reason is EndReason.MODEL_REFUSED
        assert len(task.claude.requests) == 1


@pytest.mark.parametrize("facts", range(1, 14))
async def test_whenever_it_crashes_the_other_model_comes_to_the_end(
    supervisor: Supervisor, tmp_path: Path, facts: int
) -> None:
    async with errand(declining, supervisor, tmp_path, fallback_model=OTHER) as task:
        if not await task.turn_until_crash("Fix the lock", facts=facts):
            assert (await task.turn("" if task.record.messages else "Fix the lock")).text == "Done."
        assert task.claude.requests[-1]["model"] == OTHER
        assert task.messages[0]["content"][1]["text"].startswith(TAKEN_OVER)
        # What the first thought is bound to its own conversation, and never sent to the other.
        others = [request for request in task.claude.requests if request["model"] == OTHER]
        assert "signature" not in str([request["messages"] for request in others])
