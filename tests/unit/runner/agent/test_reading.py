"""A reply is put together as the SDK would, from the same events, and in time that grows with its length."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import ParsedMessage
from hypothesis import given
from hypothesis import strategies as st

from errand_runner.agent.exchange import Begun, Hidden, Piece
from errand_runner.agent.model.reading import Reading
from tests.standins.claude import Reply, Text, Thinking, ToolUse
from tests.standins.claude.prefix import Counted
from tests.standins.claude.replies import Block
from tests.standins.claude.wire import Context, events

CONTEXT = Context("claude-x", Counted(read=5, written=7, plain=11), "", shows_thoughts=True)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
JSON = st.dictionaries(
    WORDS, st.one_of(WORDS, st.integers(), st.none(), st.lists(st.booleans(), max_size=3)), max_size=4
)
BLOCKS = st.one_of(
    st.builds(Text, WORDS),
    st.builds(Thinking, WORDS),
    st.builds(ToolUse, st.sampled_from(["bash", "read"]), JSON, st.just("toolu_1")),
)


def wire(*blocks: Block, stop_reason: str = "") -> list[Any]:
    return [json.loads(json.dumps(event)) for event in events(Reply(blocks, stop_reason=stop_reason), CONTEXT)]


def read(told: Sequence[Any]) -> Reading:
    reading = Reading()
    for event in told:
        reading.take(event)
    return reading


@given(st.lists(BLOCKS, max_size=4))
def test_a_reply_is_what_the_sdk_makes_of_its_events(blocks: list[Block]) -> None:
    told = wire(*blocks)
    message: ParsedMessage[None] | None = None
    inputs: dict[int, bytes] = {}
    for event in told:
        if event["type"] != "ping":
            message = accumulate_event(event=event, current_snapshot=message, json_bufs=inputs)
    assert message is not None

    reply = read(told).reply()

    assert reply.blocks == [block.to_dict(warnings=False) for block in message.content]
    assert (reply.stop_reason, reply.model) == (message.stop_reason, message.model)
    assert reply.tokens.output == message.usage.output_tokens
    assert (reply.tokens.input, reply.tokens.cache_read, reply.tokens.cache_write_5m) == (11, 5, 7)


def test_what_is_told_as_it_comes_is_the_whole() -> None:
    reading = Reading()
    told = [
        reading.take(event) for event in wire(Thinking("Hm, so."), Text("I look."), ToolUse("bash", {"a": "b"}, "t"))
    ]

    assert isinstance(told[0], Begun)
    pieces = [piece for piece in told if isinstance(piece, Piece)]
    assert "".join(piece.text for piece in pieces if piece.kind == "thinking") == "Hm, so."
    assert "".join(piece.text for piece in pieces if (piece.kind, piece.block_index) == ("text", 1)) == "I look."
    assert sum(piece.characters for piece in told if isinstance(piece, Hidden)) == len('{"a": "b"}')


def test_an_input_that_was_cut_off_is_read_as_far_as_it_came() -> None:
    cut = ToolUse("write", {"path": "a.txt", "content": "one two"}, "t1", cut_after_chars=30)
    (block,) = read(wire(cut, stop_reason="max_tokens")).reply().blocks
    assert block["input"] == {"path": "a.txt"}


def test_an_input_that_is_no_json_is_no_reply() -> None:
    told = wire(ToolUse("bash", {"command": "ls"}, "t1"))
    for event in told:
        if event["type"] == "content_block_delta" and event["delta"]["partial_json"]:
            event["delta"]["partial_json"] = "}" + event["delta"]["partial_json"]
    with pytest.raises(ValueError, match="column"):
        read(told).reply()


def test_whatever_is_unknown_is_of_no_harm() -> None:
    told = wire(Text("Hi."))
    strange = {"type": "content_block_delta", "index": 0, "delta": {"type": "novelty_delta", "novelty": 1}}
    misplaced = {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}
    told[3:3] = [{"type": "novelty"}, strange, misplaced]
    assert read(told).reply().blocks == [{"type": "text", "text": "Hi."}]


@pytest.mark.parametrize(
    "event",
    [
        [],
        {},
        "text",
        {"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "x"}},
        {"type": "content_block_start", "index": 0},
        {"type": "message_start", "message": None},
        {"type": "message_delta", "usage": {}},
    ],
)
def test_what_is_no_event_of_this_api_is_refused(event: object) -> None:
    with pytest.raises(ValueError, match="not as it should be"):
        read([event])


def test_a_count_that_the_end_leaves_out_stands_as_it_began() -> None:
    told = wire(Text("Hi."))
    told[-2]["usage"] = {"output_tokens": 9, "input_tokens": None}
    tokens = read(told).reply().tokens
    assert (tokens.input, tokens.output) == (11, 9)
