"""A conversation that nears the model's limit is summed up, or goes on with a note; what is refused is left out."""

import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from errand_common.values import Role
from errand_runner.agent.blocks import encode
from errand_runner.agent.exchange import ContentRefused, RequestTooLarge
from errand_runner.agent.facts import (
    ContextMeasured,
    ConversationShortened,
    EndReason,
    ModelDelayed,
    ReplyDropped,
    TurnEnded,
)
from errand_runner.agent.handoff import INTRO
from errand_runner.agent.loop import run_turn
from errand_runner.agent.mending import mended
from errand_runner.agent.meter import is_nearly_full, measured
from errand_runner.agent.transcript import Message
from errand_runner.sandbox.supervisor import Supervisor
from tests.standins.claude import Cut, Failure, Reply, Request, Summary, Text, Thinking, ToolUse, in_turn
from tests.standins.claude.replies import COMPACTION_UNAVAILABLE, invalid
from tests.unit.runner.agent.harness import Errand, errand, saying

DONE = Reply([Text("Done.")])
SUMMED_UP = Reply([Summary("The person wants tabs. I have changed a.py.")])
FULL = Reply([Text("I")], stop_reason="model_context_window_exceeded")
TOO_LONG = invalid("prompt is too long: 1200000 tokens > 1000000 maximum")


def bash(command: str, call: str = "") -> ToolUse:
    return ToolUse("bash", {"command": command}, call)


LOOK = Reply([Thinking("Hm."), Text("Looking."), bash("echo hello", "t1")])
LOOK_AGAIN = Reply([Thinking("So."), bash("echo again", "t2")])


def shortened(task: Errand) -> list[Message]:
    return [fact.message for fact in task.facts if isinstance(fact, ConversationShortened)]


def sums_up(body: Mapping[str, Any]) -> bool:
    return "compaction" in body


@pytest.mark.parametrize("overflow", [TOO_LONG, FULL])
async def test_a_conversation_that_no_longer_fits_is_summed_up_and_goes_on(
    supervisor: Supervisor, tmp_path: Path, overflow: Reply | Failure
) -> None:
    async with errand(in_turn(LOOK, overflow, SUMMED_UP, LOOK_AGAIN, DONE), supervisor, tmp_path) as task:
        assert await task.turn("Use tabs") == TurnEnded(EndReason.COMPLETED, "Done.")
        _, refused, summing, after, last = task.claude.requests
        assert summing["compaction"] == {"type": "summarize"}
        assert summing["messages"] == refused["messages"]
        (kept,) = shortened(task)
        assert (kept.role, kept.replaces) == (Role.ASSISTANT, task.record.messages[0].message_id)
        assert after["messages"] == [{"role": "assistant", "content": json.loads(kept.content)}]
        assert last["messages"][:1] == after["messages"]
        assert [message["role"] for message in last["messages"]] == ["assistant", "assistant", "user"]
    (fact,) = [fact for fact in task.facts if isinstance(fact, ConversationShortened)]
    assert fact.usage is not None
    assert fact.usage.output_tokens > 1
    assert (fact.model, fact.stop_reason) == ("claude-sonnet-5-5", "compaction")


@pytest.mark.parametrize(
    "failing",
    [
        [invalid("messages: nothing to summarize", "compaction_nothing_to_summarize")],
        [invalid("compaction: Extra inputs are not permitted")],
        [TOO_LONG],
        [Reply([Summary(None)])],
        [COMPACTION_UNAVAILABLE] * 6,
    ],
)
async def test_where_no_summary_can_be_had_a_note_goes_on(
    supervisor: Supervisor, tmp_path: Path, failing: Sequence[Reply | Failure]
) -> None:
    async with errand(in_turn(LOOK, TOO_LONG, *failing, DONE), supervisor, tmp_path) as task:
        (task.folder / "new.py").write_text("")
        assert (await task.turn("Use tabs")).reason is EndReason.COMPLETED
        assert [sums_up(request) for request in task.claude.requests] == [False, False, *[True] * len(failing), False]
        (kept,) = shortened(task)
        assert task.messages == [{"role": "user", "content": json.loads(kept.content)}]
    words, note = (block["text"] for block in json.loads(kept.content))
    assert words == "Use tabs"
    assert note.startswith(INTRO)
    assert "hello" in note
    assert "Looking." in note
    assert "not a git repository" in note
    assert task.time.now_s() <= 60


async def test_the_note_holds_what_the_person_wrote_and_what_is_to_be_done(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    items = [{"text": "Write the test", "state": "in_progress"}]
    script = in_turn(Reply([ToolUse("todo", {"items": items})]), DONE, Reply([bash("seq 30000")]), FULL, TOO_LONG, DONE)
    async with errand(script, supervisor, tmp_path) as task:
        await task.turn("First words")
        await task.turn("And later ones")
        (kept,) = shortened(task)
    texts = [block["text"] for block in json.loads(kept.content)]
    assert texts[0] == "First words"
    assert "And later ones" in texts[1]
    assert "Write the test" in texts[1]
    assert len(texts[1]) < 12_000


async def test_what_is_too_long_in_its_shortest_form_ends_the_turn(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(lambda request: TOO_LONG, supervisor, tmp_path) as task:
        ended = await task.turn("Go")
        assert ended.reason is EndReason.CONTEXT
        assert "Start a new task" in ended.text
        assert [sums_up(request) for request in task.claude.requests] == [False, True, False, False]


async def test_a_wrong_key_makes_nothing_of_the_conversation_shorter(supervisor: Supervisor, tmp_path: Path) -> None:
    refused = Failure(401, "authentication_error", "invalid")
    async with errand(in_turn(LOOK, TOO_LONG, refused, refused), supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.MODEL_AUTH
    assert shortened(task) == []


async def test_room_is_made_before_there_is_none(supervisor: Supervisor, tmp_path: Path) -> None:
    def script(request: Request) -> Reply:
        if sums_up(request.body):
            return SUMMED_UP
        return DONE if len(request.messages) == 1 and request.number > 1 else Reply([bash("seq 2500")])

    async with errand(script, supervisor, tmp_path, context_tokens=20_000) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        assert sum(map(sums_up, task.claude.requests)) == 1
        assert len(shortened(task)) == 1
    told = [fact for fact in task.facts if isinstance(fact, ContextMeasured)]
    assert {fact.limit_tokens for fact in told} == {20_000}
    used = [fact.used_tokens for fact in told]
    assert used[:-1] == sorted(used[:-1])
    assert max(used) > 10_000 > used[-1]


@pytest.mark.parametrize("facts", range(1, 12))
async def test_whenever_it_crashes_the_conversation_goes_on_from_the_summary(
    supervisor: Supervisor, tmp_path: Path, facts: int
) -> None:
    def script(request: Request) -> Reply | Failure:
        if sums_up(request.body):
            return SUMMED_UP
        if request.messages[0]["role"] == "assistant":
            return DONE
        return LOOK if len(request.messages) == 1 else TOO_LONG

    async with errand(script, supervisor, tmp_path) as task:
        ended = await task.turn_until_crash("Go", facts=facts)
        if not ended:
            assert (await task.turn("" if task.record.messages else "Go")).reason is EndReason.COMPLETED
        (kept,) = [message for message in task.record.kept if message.replaces]
        assert task.messages[0]["content"] == json.loads(kept.content)
        assert task.record.restore().messages[0].message_id == kept.message_id


def message(*blocks: Mapping[str, object]) -> Message:
    return Message("msg_1", Role.USER, encode(blocks))


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "eA=="}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": [IMAGE, {"type": "text", "text": "a"}]}
LONG = {"type": "tool_result", "tool_use_id": "t2", "content": "x" * 30_000}
BAD = ContentRefused(said="Could not process image", status=400)


def test_an_image_that_is_refused_is_left_out_with_a_word() -> None:
    words = {"type": "text", "text": "[An image is left out: Could not process image]"}
    assert mended([message(RESULT, LONG, IMAGE)], BAD) == [
        {**RESULT, "content": [words, {"type": "text", "text": "a"}]},
        LONG,
        words,
    ]


def test_of_what_is_too_large_the_long_results_are_cut() -> None:
    content = mended([message(LONG, {"type": "text", "text": "y" * 30_000})], RequestTooLarge(said="too large"))
    assert content is not None
    assert len(str(content[0]["content"])) < 2_200
    assert content[1]["text"] == "y" * 30_000


def test_what_has_nothing_to_take_out_stays() -> None:
    assert mended([message(LONG)], BAD) is None
    assert mended([message({"type": "text", "text": "y"})], RequestTooLarge(said="too large")) is None


@pytest.mark.parametrize("again", [False, True])
async def test_a_result_that_is_refused_is_mended_once(supervisor: Supervisor, tmp_path: Path, again: bool) -> None:
    large = Failure(413, "request_too_large", "Request exceeds the maximum size")
    refused: list[Reply | Failure] = [large, SUMMED_UP] if again else []
    answers = in_turn(Reply([bash("seq 10000", "t1")]), large, *refused, DONE)
    async with errand(answers, supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        first, *rest = shortened(task)
        assert len(rest) == again
        assert first.replaces == task.record.messages[2].message_id
        mended_request = task.claude.requests[2]["messages"]
        assert mended_request[:-1] == task.claude.requests[1]["messages"][:-1]
        assert mended_request[-1]["content"] == json.loads(first.content)
        assert "left out: the request was too large" in mended_request[-1]["content"][0]["content"]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [(0, 49_999, None), (0, 50_000, 50_000), (50_000, 99_999, None), (99_999, 100_000, 100_000), (300_000, 0, 0)],
)
def test_the_meter_tells_each_twentieth(before: int, after: int, told: int | None) -> None:
    expected = None if told is None else ContextMeasured(told, 1_000_000)
    assert measured(before, after, context=1_000_000) == expected


@pytest.mark.parametrize(
    ("used", "context", "full"),
    [(768_000, 1_000_000, False), (768_001, 1_000_000, True), (128_001, 200_000, True), (20_000, 40_000, False)],
)
def test_room_is_left_for_results_and_a_reply(used: int, context: int, full: bool) -> None:
    assert is_nearly_full(used, context=context, reply=32_000) is full


async def test_what_a_reply_cost_that_is_not_kept_is_told(supervisor: Supervisor, tmp_path: Path) -> None:
    broken = Reply([Text("one two three")], cut=Cut.ABORT, cut_after_events=7)
    refused = Reply([Text("I")], stop_reason="refusal", refusal="bio")
    async with errand(in_turn(broken, refused), supervisor, tmp_path) as task:
        await task.turn("Go")
    first, second = [fact for fact in task.facts if isinstance(fact, ReplyDropped)]
    assert all(fact.usage.cost_nanodollars for fact in (first, second))
    assert first.usage.output_tokens == 1 + -(-len("one two three") // 3)
    assert (first.is_estimate, first.said) == (True, "")
    assert second.usage.output_tokens > 1
    assert not second.is_estimate
    assert second.reason == "Claude declined to go on (bio)."
    told = [type(fact) for fact in task.facts]
    assert told.index(ReplyDropped) < told.index(ModelDelayed)


async def test_a_summary_that_is_interrupted_is_asked_for_anew(supervisor: Supervisor, tmp_path: Path) -> None:
    broken = replace(SUMMED_UP, cut=Cut.END_OF_FILE, cut_after_events=4)
    async with errand(in_turn(LOOK, TOO_LONG, broken, SUMMED_UP, DONE), supervisor, tmp_path) as task:
        assert (await task.turn("Go")).reason is EndReason.COMPLETED
        assert task.claude.requests[2] == task.claude.requests[3]
    (kept,) = shortened(task)
    assert json.loads(kept.content)[0]["content"] == "The person wants tabs. I have changed a.py."


async def test_the_person_goes_on_after_a_summary(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(in_turn(LOOK, TOO_LONG, SUMMED_UP, DONE, DONE), supervisor, tmp_path) as task:
        async with aclosing(run_turn(task.agent, task.transcript, saying("Go"))) as facts:
            async for fact in facts:
                task.record.keep(fact)
                if isinstance(fact, ConversationShortened):
                    break
        task.transcript = task.record.restore()
        assert (await task.turn("And spaces in Makefiles?")).reason is EndReason.COMPLETED
        assert [block["type"] for message in task.messages for block in message["content"]] == ["compaction", "text"]
