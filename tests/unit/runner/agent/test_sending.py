"""What goes out is what is on record, byte for byte."""

import json

import pytest

from errand_common.values import Role
from errand_runner.agent.exchange import Request
from errand_runner.agent.model.sending import body_of
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.transcript import Message

PREFIX = Prefix(b' {"model": "claude-x",  "max_tokens": 7, "system": "s", "tools": [], "novelty": {"b": 1, "a": 2}} ')
SAID = Message("msg_1", Role.USER, '[{"type":  "text", "text": "Olá \\u4f60"}]'.encode())
REPLY = Message("msg_2", Role.ASSISTANT, b'[{"text": "Hi.", "type": "text", "citations": null}]')


def test_prefix_and_messages_are_sent_as_they_are_stored() -> None:
    body = body_of(Request(PREFIX, [SAID, REPLY]))

    assert json.loads(body) == {
        **PREFIX.params,
        "messages": [{"role": "user", "content": SAID.blocks}, {"role": "assistant", "content": REPLY.blocks}],
        "cache_control": {"type": "ephemeral"},
        "stream": True,
    }
    for stored in (SAID.content, REPLY.content, PREFIX.document.strip()[1:-1]):
        assert stored in body


@pytest.mark.parametrize(
    ("request_", "differs"),
    [
        (Request(PREFIX, [SAID], max_tokens=9), {"max_tokens": 9}),
        (Request(PREFIX, [SAID], sums_up=True), {"compaction": {"type": "summarize"}}),
    ],
)
def test_what_a_request_asks_for_beside_its_prefix(request_: Request, differs: dict[str, object]) -> None:
    assert json.loads(body_of(request_)) == json.loads(body_of(Request(PREFIX, [SAID]))) | differs


def test_what_is_marked_is_the_same_but_for_its_mark() -> None:
    many = Message("msg_1", Role.USER, json.dumps([{"type": "text", "text": str(n)} for n in range(40)]).encode())
    (sent,) = json.loads(body_of(Request(PREFIX, [REPLY, many])))["messages"][1:]
    marked = [block for block in sent["content"] if block.pop("cache_control", None)]
    assert sent["content"] == many.blocks
    assert len(marked) == 2
