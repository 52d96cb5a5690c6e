"""What holds of every transcript."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errand_common.values import Role
from errand_runner.agent.blocks import Block, TranscriptError, encode
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.transcript import INTERRUPTED, NOT_RUN, CallRecord, Message, ToolResult, Transcript

PREFIX = Prefix.freeze(model="m", max_tokens=1, system="s", tools=[])

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
INPUTS = st.dictionaries(TEXTS, st.none() | st.booleans() | st.integers() | TEXTS, max_size=3)


def text(words: str) -> Block:
    return {"type": "text", "text": words}


def use(call: str, given_input: object = None) -> Block:
    return {"type": "tool_use", "id": call, "name": "bash", "input": given_input or {}}


def message(number: int, role: Role, *blocks: Block) -> Message:
    return Message(f"msg_{number}", role, encode(list(blocks)))


@st.composite
def histories(draw: st.DrawFn) -> list[Message]:
    """Any conversation that can be, in which each assistant message's calls are answered by the next message."""
    messages: list[Message] = []
    calls = 0
    for _ in range(draw(st.integers(1, 6))):
        messages.append(message(len(messages), Role.USER, text(draw(TEXTS))))
        for _ in range(draw(st.integers(0, 3))):
            inputs = draw(st.lists(INPUTS, max_size=3))
            ids = [f"t{calls + place}" for place in range(len(inputs))]
            calls += len(ids)
            uses = [use(call, given_input) for call, given_input in zip(ids, inputs, strict=True)]
            messages.append(message(len(messages), Role.ASSISTANT, text(draw(TEXTS)), *uses))
            results = [ToolResult.of_text(call, draw(TEXTS), is_error=draw(st.booleans())).block() for call in ids]
            if results:
                messages.append(message(len(messages), Role.USER, *results))
    return messages


@given(histories(), st.data())
def test_a_record_cut_anywhere_can_be_taken_up_and_gone_on_with(history: list[Message], data: st.DataObject) -> None:
    kept = history[: data.draw(st.integers(1, len(history)))]
    records = [
        CallRecord(call.tool_use_id, data.draw(st.sampled_from([None, ToolResult.of_text(call.tool_use_id, "ok")])))
        for call in kept[-1].calls
        if data.draw(st.booleans())
    ]
    transcript = Transcript.restore(PREFIX, kept, records)
    before = list(transcript.messages)
    answers = [transcript.recall(call) for call in transcript.open_calls]
    transcript.append(message(99, Role.USER, *(answer.block() for answer in answers), text("Go on")))

    assert list(transcript.messages[:-1]) == before
    assert [entry.content for entry in transcript.messages[:-1]] == [entry.content for entry in kept]
    assert [answer.tool_use_id for answer in answers] == [call.tool_use_id for call in kept[-1].calls]
    known = {record.tool_use_id: record.result for record in records}
    for answer in answers:
        expected = known.get(answer.tool_use_id) or ToolResult.of_text(
            answer.tool_use_id, INTERRUPTED if answer.tool_use_id in known else NOT_RUN, is_error=True
        )
        assert answer == expected
    assert transcript.open_calls == ()


@given(histories())
def test_content_is_kept_byte_for_byte(history: list[Message]) -> None:
    transcript = Transcript.restore(PREFIX, history)
    assert [entry.content for entry in transcript.messages] == [entry.content for entry in history]
    assert encode([entry.blocks for entry in transcript.messages]) == encode(
        [json.loads(entry.content) for entry in history]
    )


@pytest.mark.parametrize(
    "bad",
    [
        message(2, Role.USER, text("no answer")),
        message(2, Role.ASSISTANT, text("no answer")),
        message(2, Role.USER, ToolResult.of_text("t1", "one of two").block()),
        message(2, Role.USER, *(ToolResult.of_text(call, "wrong order").block() for call in ("t2", "t1"))),
        message(2, Role.USER, *(ToolResult.of_text(call, "one too many").block() for call in ("t1", "t2", "t3"))),
        message(2, Role.USER, text("first"), *(ToolResult.of_text(call, "late").block() for call in ("t1", "t2"))),
        message(2, Role.USER),
    ],
)
def test_what_the_api_would_refuse_is_refused_and_changes_nothing(bad: Message) -> None:
    asked = [message(0, Role.USER, text("Go")), message(1, Role.ASSISTANT, use("t1"), use("t2"))]
    transcript = Transcript.restore(PREFIX, asked)
    with pytest.raises(TranscriptError):
        transcript.append(bad)
    assert transcript.messages == tuple(asked)


def test_an_answer_without_a_question_is_refused() -> None:
    with pytest.raises(TranscriptError, match="no call; found: t1"):
        Transcript(PREFIX).append(message(0, Role.USER, ToolResult.of_text("t1", "?").block()))


def test_claude_cannot_speak_first() -> None:
    with pytest.raises(TranscriptError, match="first message"):
        Transcript(PREFIX).append(message(0, Role.ASSISTANT, text("Hi")))


def test_what_is_replaced_must_be_there() -> None:
    asked = [message(0, Role.USER, text("Go")), message(1, Role.ASSISTANT, text("Hm"))]
    transcript = Transcript.restore(PREFIX, asked)
    note = replace(message(2, Role.USER, text("So far")), replaces="msg_7")
    with pytest.raises(TranscriptError, match="msg_2 is to take the place of msg_7, which is not in this conversation"):
        transcript.append(note)
    assert transcript.messages == tuple(asked)


def test_a_record_may_lack_what_was_replaced() -> None:
    note = replace(message(2, Role.USER, text("So far")), replaces="msg_0")
    assert Transcript.restore(PREFIX, [note]).messages == (note,)


def test_a_prefix_is_taken_up_byte_for_byte_also_with_what_this_release_does_not_know() -> None:
    stored = b'{"system": "s",  "model": "m", "max_tokens": 7, "tools": [], "novelty": {"b": 1, "a": 2}}'
    prefix = Prefix.from_bytes(stored)
    assert prefix.to_bytes() == stored
    assert (prefix.model, prefix.params["novelty"]) == ("m", {"b": 1, "a": 2})


@pytest.mark.parametrize("stored", [b"[]", b"{}", b'{"model": 1, "max_tokens": 1}'])
def test_a_damaged_prefix_is_refused(stored: bytes) -> None:
    with pytest.raises(TranscriptError, match="damaged"):
        Prefix.from_bytes(stored)


def test_what_utf8_cannot_hold_is_replaced() -> None:
    assert encode(["a\ud800b", "ü"]) == '["a?b","ü"]'.encode()
