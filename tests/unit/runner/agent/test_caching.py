"""What was read once is read from the cache, also after a turn with many tools and by the next task."""

import json
from pathlib import Path
from typing import Any

from errand_common.values import Role
from errand_runner.agent.blocks import encode
from errand_runner.agent.caching import contents
from errand_runner.agent.choice import Choice, settle_prefix
from errand_runner.agent.transcript import Message, Transcript
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Reply, Text, ToolUse, in_turn
from tests.unit.runner.agent.harness import MODEL, errand

DONE = Reply([Text("Done.")])
EPHEMERAL = {"type": "ephemeral"}


def say(role: str, *kinds: str) -> Message:
    return Message("msg", Role(role), encode([{"type": kind, "n": place} for place, kind in enumerate(kinds)]))


def marks(messages: list[Message]) -> list[tuple[int, int]]:
    sent: list[Any] = [json.loads(content) for content in contents(messages)]
    return [
        (number, place)
        for number, content in enumerate(sent)
        for place, block in enumerate(content)
        if block.get("cache_control") == EPHEMERAL
    ]


def test_a_short_turn_needs_no_mark() -> None:
    messages = [say("user", "text"), say("assistant", *["tool_use"] * 7), say("user", *["tool_result"] * 8)]
    assert marks(messages) == []
    assert contents(messages) == [message.content for message in messages]


def test_a_long_turn_is_marked_every_fifteen_blocks() -> None:
    messages = [say("user", "text"), say("assistant", *["tool_use"] * 20), say("user", *["tool_result"] * 20)]
    assert marks(messages) == [(1, 14), (2, 9)]


def test_there_are_never_more_marks_than_the_api_takes() -> None:
    messages = [say("user", "text"), say("assistant", *["tool_use"] * 90), say("user", *["tool_result"] * 90)]
    assert len(marks(messages)) == 2


def test_thoughts_take_no_mark() -> None:
    messages = [say("user", "text"), say("assistant", *["tool_use"] * 13, *["thinking"] * 3, "text")]
    assert marks(messages) == [(1, 12)]


def test_a_first_message_of_many_parts_needs_none() -> None:
    assert marks([say("user", *["text"] * 40)]) == []


async def test_a_turn_of_many_tools_is_read_from_the_cache(supervisor: Supervisor, tmp_path: Path) -> None:
    many = Reply([ToolUse("read", {"path": f"no-{number}"}) for number in range(24)])
    async with errand(in_turn(DONE, many, DONE), supervisor, tmp_path) as task:
        await task.turn("First")
        first = task.record.messages[-1].usage
        await task.turn("Go")
        last = task.record.messages[-1].usage
        assert first is not None
        assert last is not None
        assert last.cache_read_tokens > first.cache_write_tokens > 1000
        assert all("cache_control" not in fact.content.decode() for fact in task.record.messages)
        plain = [{key: value for key, value in block.items() if key != "cache_control"} for block in task.results]
        assert plain == json.loads(task.record.messages[-2].content)


async def test_another_task_reads_the_common_beginning_from_the_cache(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(DONE, DONE), supervisor, tmp_path) as task:
        await task.turn("One errand")
        task.transcript = Transcript(await settle_prefix(task.agent.model, Choice(MODEL)))
        await task.turn("Quite another")
        usage = task.record.messages[-1].usage
    assert usage is not None
    assert usage.cache_read_tokens > 1000
