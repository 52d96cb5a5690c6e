"""Calls that only read run at the same time; all others one after the other, and none behind one that was cut short."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from errand_runner.agent.facts import EndReason, ToolFinished, ToolStarted
from errand_runner.agent.groups import groups_of
from errand_runner.agent.tools import Outcome
from errand_runner.agent.transcript import INTERRUPTED, NOT_RUN, ToolCall
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Reply, Text, ToolUse, in_turn
from tests.unit.runner.agent.harness import Errand, errand

DONE = Reply([Text("Done.")])


class Tools:
    """Answers with the call's id; tells which calls were at work together. `meeting` is how many reads wait for each
    other, the last to come is the first to end; a call of `cut` is cut short."""

    def __init__(self, *, meeting: int = 1, cut: str = "") -> None:
        self.meeting, self.cut = asyncio.Barrier(meeting), cut
        self.at_work: list[str] = []
        self.together: list[set[str]] = []

    async def run(self, call: ToolCall) -> AsyncGenerator[str | Outcome]:
        self.at_work.append(call.tool_use_id)
        self.together.append(set(self.at_work))
        if call.name == "read":
            async with asyncio.timeout(10):
                place = await self.meeting.wait()
            for _ in range(self.meeting.parties - place):
                await asyncio.sleep(0)
        self.at_work.remove(call.tool_use_id)
        if call.tool_use_id == self.cut:
            yield Outcome(INTERRUPTED, is_error=True, is_interrupted=True)
        else:
            yield Outcome(f"of {call.tool_use_id}")

    async def end_turn(self) -> None:
        """Nothing runs on."""


def read(call: str) -> ToolUse:
    return ToolUse("read", {"path": "x"}, call)


def bash(call: str) -> ToolUse:
    return ToolUse("bash", {"command": "x"}, call)


def told(task: Errand) -> list[str]:
    signs = {ToolStarted: "+", ToolFinished: "-"}
    return [
        f"{signs[type(fact)]}{fact.tool_use_id}" for fact in task.facts if isinstance(fact, ToolStarted | ToolFinished)
    ]


@pytest.mark.parametrize(
    ("names", "sizes"),
    [
        (["read", "grep", "glob"], [3]),
        (["bash", "bash"], [1, 1]),
        (["read", "bash", "read", "read", "edit", "wait", "todo"], [1, 1, 2, 1, 1, 1]),
        (["ask_user", "read"], [1, 1]),
        ([], []),
    ],
)
def test_only_neighbours_that_read_stand_together(names: list[str], sizes: list[int]) -> None:
    calls = [ToolCall(f"t{number}", name, {}) for number, name in enumerate(names)]
    groups = groups_of(calls)
    assert [len(group) for group in groups] == sizes
    assert [call for group in groups for call in group] == calls


async def test_reads_run_together_and_are_answered_in_their_order(supervisor: Supervisor, tmp_path: Path) -> None:
    script = in_turn(Reply([read("t1"), read("t2"), read("t3")]), DONE)
    async with errand(script, supervisor, tmp_path) as task:
        tools = Tools(meeting=3)
        task.agent = replace(task.agent, tools=tools)
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        assert [(result["tool_use_id"], result["content"]) for result in task.results] == [
            ("t1", "of t1"),
            ("t2", "of t2"),
            ("t3", "of t3"),
        ]
    assert tools.together[-1] == {"t1", "t2", "t3"}
    assert told(task) == ["+t1", "+t2", "+t3", "-t1", "-t2", "-t3"]


async def test_what_changes_something_runs_alone_and_in_its_place(supervisor: Supervisor, tmp_path: Path) -> None:
    script = in_turn(Reply([bash("t1"), bash("t2"), read("t3"), bash("t4")]), DONE)
    async with errand(script, supervisor, tmp_path) as task:
        tools = Tools()
        task.agent = replace(task.agent, tools=tools)
        await task.turn("Go")
    assert tools.together == [{"t1"}, {"t2"}, {"t3"}, {"t4"}]
    assert told(task) == ["+t1", "-t1", "+t2", "-t2", "+t3", "-t3", "+t4", "-t4"]


async def test_behind_a_call_that_was_cut_short_nothing_runs(supervisor: Supervisor, tmp_path: Path) -> None:
    ask = ToolUse("ask_user", {"question": "And now?"}, "t4")
    script = in_turn(Reply([bash("t1"), bash("t2"), read("t3"), ask]), DONE)
    async with errand(script, supervisor, tmp_path) as task:
        tools = Tools(cut="t2")
        task.agent = replace(task.agent, tools=tools)
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        contents = [result["content"] for result in task.results]
        assert contents == ["of t1", INTERRUPTED, NOT_RUN, NOT_RUN]
        assert [bool(result.get("is_error")) for result in task.results] == [False, True, True, True]
    assert told(task) == ["+t1", "-t1", "+t2", "-t2"]
