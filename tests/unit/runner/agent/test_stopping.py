"""A turn that is stopped in its midst: what is paid counts, what was printed is kept, Claude is told who stopped it."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from errand_runner.agent.exchange import Begun, Hidden, Piece, Request
from errand_runner.agent.exchange import Reply as Whole
from errand_runner.agent.facts import (
    EndReason,
    Fact,
    MessageAppended,
    OutputDelta,
    ReplyDropped,
    TextDelta,
    ToolFinished,
    ToolStarted,
    Waiting,
)
from errand_runner.agent.leaving import Stopper
from errand_runner.agent.model import Model
from errand_runner.agent.tools import Outcome
from errand_runner.agent.transcript import INTERRUPTED, NOT_RUN, ToolCall
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import ClaudeStandin, Cut, Reply, Summary, Text, Thinking, ToolUse, in_turn
from tests.standins.claude.replies import invalid
from tests.unit.runner.agent.harness import MODEL, Errand, closing, errand

DONE = Reply([Text("Done.")])
HALF_SAID = Reply([Thinking("Hm."), Text("one two three")], cut=Cut.SILENCE, cut_after_events=9)
HALF_ASKED = Reply([ToolUse("bash", {"command": "x" * 100})], cut=Cut.SILENCE, cut_after_events=5)
MORE = {"role": "user", "content": [{"type": "text", "text": "And?"}]}


def bash(command: str, call: str = "") -> ToolUse:
    return ToolUse("bash", {"command": command}, call)


def said(fact: Fact) -> bool:
    return isinstance(fact, TextDelta) and fact.text == "two "


def printed(fact: Fact) -> bool:
    return isinstance(fact, OutputDelta)


async def follow_up(task: Errand) -> list[dict[str, object]]:
    """What Claude is told first once the person says more, as bytes; with the transcript it is all that is sent."""
    assert (await task.turn("And?")).reason is EndReason.COMPLETED
    assert json.dumps(task.messages) == json.dumps(task.recorded[:-1])
    content: list[dict[str, object]] = list(task.messages[-1]["content"])
    return content


@pytest.mark.parametrize("cancels", [False, True])
async def test_of_a_reply_that_a_person_stops_its_cost_and_its_words_are_left(
    supervisor: Supervisor, tmp_path: Path, cancels: bool
) -> None:
    async with errand(in_turn(HALF_SAID, DONE), supervisor, tmp_path) as task:
        (dropped,) = await task.stopped("Go", at=said, cancels=cancels)
        assert isinstance(dropped, ReplyDropped)
        assert (dropped.message_id, dropped.model, dropped.is_estimate) == ("msg_2", MODEL, True)
        assert dropped.said == "one two"
        assert dropped.reason == "a person stopped the task while it came"
        assert dropped.usage.cache_write_tokens > 1_000
        assert dropped.usage.output_tokens == 1 + -(-len("Hm.one two ") // 3)
        assert dropped.usage.cost_nanodollars
        assert await follow_up(task) == MORE["content"]
        assert task.messages[:-1] == task.claude.requests[0]["messages"]


async def test_a_turn_that_another_process_goes_on_with_leaves_the_cost_and_no_words(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    async with errand(in_turn(HALF_SAID, DONE), supervisor, tmp_path) as task:
        (dropped,) = await task.stopped("Go", at=said, by=None, cancels=True)
        assert isinstance(dropped, ReplyDropped)
        assert (dropped.said, dropped.is_estimate) == ("", True)
        assert dropped.usage.cost_nanodollars
        assert (await task.turn("")).reason is EndReason.COMPLETED
        assert task.claude.requests[0] == task.claude.requests[1]


class Stopping(Model):
    """Has the turn that asks it cancelled at a piece."""

    def __init__(self, claude: ClaudeStandin, at: Callable[[object], bool]) -> None:
        super().__init__(api_key=claude.key, base_url=claude.url)
        self._at = at

    async def stream(self, request: Request) -> AsyncGenerator[Begun | Piece | Hidden | Whole]:
        async with aclosing(super().stream(request)) as pieces:
            async for piece in pieces:
                asking = asyncio.current_task()
                if self._at(piece) and asking is not None:
                    asking.cancel()
                yield piece


async def stopped_at(task: Errand, at: Callable[[object], bool]) -> ReplyDropped:
    async with closing(Stopping(task.claude, at)) as model:
        task.agent = replace(task.agent, model=model)
        (dropped,) = await task.stopped("Go", at=lambda fact: False, cancels=True)
    assert isinstance(dropped, ReplyDropped)
    return dropped


async def test_what_is_written_of_a_call_counts_too(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(HALF_ASKED), supervisor, tmp_path) as task:
        dropped = await stopped_at(task, lambda piece: isinstance(piece, Hidden))
    assert dropped.usage.output_tokens == 1 + 24 // 3


async def test_a_reply_that_had_not_begun_leaves_nothing(supervisor: Supervisor, tmp_path: Path) -> None:
    async def asleep(request: object) -> Reply:
        await asyncio.sleep(5)
        return DONE

    async with errand(asleep, supervisor, tmp_path) as task:
        assert await task.stopped("Go", at=lambda fact: isinstance(fact, MessageAppended), cancels=True) == []


async def test_a_summary_that_is_stopped_is_paid_too(supervisor: Supervisor, tmp_path: Path) -> None:
    too_long = invalid("prompt is too long: 1200000 tokens > 1000000 maximum")
    summing = Reply([Summary("So far.")], cut=Cut.SILENCE)
    async with errand(in_turn(Reply([bash("true")]), too_long, summing), supervisor, tmp_path) as task:
        dropped = await stopped_at(task, lambda piece: len(task.claude.requests) == 3)
    assert (dropped.message_id, dropped.said) == ("", "")
    assert dropped.usage.cost_nanodollars


@pytest.mark.parametrize("cancels", [False, True])
async def test_a_command_that_a_person_stops_is_killed_and_its_output_is_told(
    supervisor: Supervisor, tmp_path: Path, cancels: bool
) -> None:
    calls = [bash("echo first", "t1"), bash("echo $$; sleep 60", "t2"), bash("touch trace", "t3")]

    def at(fact: Fact) -> bool:
        return isinstance(fact, OutputDelta) and fact.tool_use_id == "t2"

    async with errand(in_turn(Reply([Text("I look."), *calls]), DONE), supervisor, tmp_path) as task:
        (finished,) = await task.stopped("Go", at=at, cancels=cancels)
        first, second, third, more = await follow_up(task)
        assert not (task.folder / "trace").exists()
    assert str(first["content"]).startswith("first\n[exit code 0")
    assert isinstance(finished, ToolFinished)
    assert (finished.tool_use_id, finished.is_error) == ("t2", True)
    told = str(second["content"])
    assert second == {"type": "tool_result", "tool_use_id": "t2", "content": told, "is_error": True}
    end = r"interrupted by the user after [\d.]+ s; it was killed with all that it had started"
    assert (found := re.fullmatch(rf"(\d+)\n\[{end}\]", told))
    assert not Path(f"/proc/{found[1]}").exists()
    assert third == {"type": "tool_result", "tool_use_id": "t3", "content": NOT_RUN, "is_error": True}
    assert more == {"type": "text", "text": "And?"}


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (Stopper.PERSON, r"here\n\[interrupted by the user after [\d.]+ s; .*\]"),
        (Stopper.TIME, r"here\n\[stopped after [\d.]+ s, as the time for this turn was over; .*\]"),
        (None, re.escape(INTERRUPTED)),
    ],
)
async def test_claude_is_told_who_stopped_what_it_ran(
    supervisor: Supervisor, tmp_path: Path, by: Stopper | None, expected: str
) -> None:
    async with errand(in_turn(Reply([bash("echo here; sleep 60")]), DONE), supervisor, tmp_path) as task:
        await task.stopped("Go", at=printed, by=by)
        result, _ = await follow_up(task)
    assert re.fullmatch(expected, str(result["content"]))
    assert result["is_error"] is True


async def test_what_was_told_to_start_and_had_not_begun_was_not_run(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(Reply([bash("touch trace", "t1")]), DONE), supervisor, tmp_path) as task:
        await task.stopped("Go", at=lambda fact: isinstance(fact, ToolStarted))
        result, _ = await follow_up(task)
        assert not (task.folder / "trace").exists()
    assert result == {"type": "tool_result", "tool_use_id": "t1", "content": NOT_RUN, "is_error": True}


async def test_what_has_ended_is_not_told_of_twice(supervisor: Supervisor, tmp_path: Path) -> None:
    calls = [ToolUse("read", {"path": "a"}, "t1"), ToolUse("read", {"path": "b"}, "t2")]
    async with errand(in_turn(Reply([bash("echo out", "t0"), *calls])), supervisor, tmp_path) as task:
        assert await task.stopped("Go", at=lambda fact: isinstance(fact, ToolFinished)) == []
    async with errand(in_turn(Reply(calls)), supervisor, tmp_path / "work") as task:
        left = await task.stopped("Go", at=lambda fact: isinstance(fact, ToolFinished))
    assert [fact.tool_use_id for fact in left if isinstance(fact, ToolFinished)] == ["t2"]


class Hanging:
    """Tools that never come to an end."""

    async def run(self, call: ToolCall) -> AsyncGenerator[str | Outcome]:
        await asyncio.Event().wait()
        yield Outcome("never")

    async def end_turn(self) -> None:
        """Nothing runs on."""


@pytest.mark.parametrize(
    "calls",
    [
        [ToolUse("write", {"path": "a", "content": "b"}, "t1")],
        [ToolUse("read", {"path": "a"}, "t1"), ToolUse("grep", {"pattern": "b"}, "t2")],
    ],
)
async def test_what_prints_nothing_may_or_may_not_have_run(
    supervisor: Supervisor, tmp_path: Path, calls: list[ToolUse]
) -> None:
    async with errand(in_turn(Reply(calls), DONE), supervisor, tmp_path) as task:
        working = task.agent
        task.agent = replace(working, tools=Hanging())
        await task.stopped("Go", at=lambda fact: isinstance(fact, ToolStarted), cancels=True)
        task.agent = working
        *results, more = await follow_up(task)
    assert [result["tool_use_id"] for result in results] == [call.id for call in calls]
    for result in results:
        assert re.fullmatch(
            r"\[interrupted by the user after [\d.]+ s; it may or may not have run: check the state before you go on\]",
            str(result["content"]),
        )
    assert more == {"type": "text", "text": "And?"}


async def test_a_question_that_is_stopped_stays_open(supervisor: Supervisor, tmp_path: Path) -> None:
    asking = Reply([ToolUse("ask_user", {"question": "Tabs?"}, "t1")])
    async with errand(in_turn(asking), supervisor, tmp_path) as task:
        assert await task.stopped("Go", at=lambda fact: isinstance(fact, Waiting)) == []
        assert task.record.calls == {"t1": None}
