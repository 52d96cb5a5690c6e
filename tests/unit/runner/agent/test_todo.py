"""Claude's list: whole, in its order, and told to the person between the call and its result."""

from pathlib import Path

import pytest

from errand_common.values import TodoState
from errand_runner.agent.facts import TodoChanged
from errand_runner.agent.redact import MASK
from errand_runner.agent.tools.outcome import Todo
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Reply, Text, ToolUse, in_turn
from tests.unit.runner.agent.harness import errand
from tests.unit.runner.agent.tooling import SECRET, Tools

LIST = [
    {"text": "Look", "state": "done"},
    {"text": "Mend", "state": "in_progress"},
    {"text": "Test", "state": "pending"},
]


async def test_the_list_is_taken_whole(tools: Tools) -> None:
    written = await tools("todo", items=LIST)
    assert written.text == "Written down: 1 of 3 done."
    assert written.todo == [
        Todo("Look", TodoState.DONE),
        Todo("Mend", TodoState.IN_PROGRESS),
        Todo("Test", TodoState.PENDING),
    ]
    emptied = await tools("todo", items=[])
    assert (emptied.text, emptied.todo) == ("The list is empty now.", [])


async def test_a_secret_in_it_is_masked(tools: Tools) -> None:
    written = await tools("todo", items=[{"text": f"Use {SECRET}", "state": "pending"}])
    assert written.todo == [Todo(f"Use {MASK}", TodoState.PENDING)]


@pytest.mark.parametrize(
    "items",
    [
        [{"text": "Look", "state": "begun"}],
        [{"text": "", "state": "done"}],
        [{"text": "x" * 201, "state": "done"}],
        [{"text": "Look"}],
        [{"text": "Look", "state": "done"}] * 51,
    ],
)
async def test_what_is_no_list_changes_nothing(tools: Tools, items: list[object]) -> None:
    refused = await tools("todo", items=items)
    assert (refused.is_error, refused.todo) == (True, None)
    assert "not valid" in refused.text


async def test_the_person_is_told_before_the_call_ends(supervisor: Supervisor, tmp_path: Path) -> None:
    script = in_turn(Reply([ToolUse("todo", {"items": LIST}, "t1")]), Reply([Text("Done.")]))
    async with errand(script, supervisor, tmp_path) as task:
        await task.turn("Go")
        assert task.results[0]["content"] == "Written down: 1 of 3 done."
    kinds = [type(fact).__name__ for fact in task.facts]
    at = kinds.index("TodoChanged")
    assert kinds[at - 1 : at + 2] == ["ToolStarted", "TodoChanged", "ToolFinished"]
    (told,) = [fact for fact in task.facts if isinstance(fact, TodoChanged)]
    assert [item.text for item in told.items] == ["Look", "Mend", "Test"]
