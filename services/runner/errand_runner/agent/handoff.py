"""What is left of a conversation that can neither be sent nor be summarised: a note, made without the model."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from errand_runner.agent.blocks import Block
from errand_runner.agent.ours import persons_words
from errand_runner.agent.transcript import Message, ToolCall

INTRO = (
    "The conversation became too long for you, so it begins anew here. What follows is all that is left of it, put"
    " together without you. Your files and commits are as you left them: look at them, then go on with the task."
)

TAKEN_OVER = (
    "You take over here from another model. What follows is all that is left of its conversation, put together without"
    " it. Its files and commits are as it left them: look at them, then go on with the task."
)

LOOK = "git status --short | head -50; git diff --stat HEAD | tail -30; git log --oneline -15"
"""The command that tells how far the work is."""

# How much of each is kept: enough to go on with, and together far below what the smallest model takes.
_TEXT_CHARS = 12_000
_WORDS = 10
_NOTES = 6
_NOTE_CHARS = 2_000
_RESULTS = 3
_RESULT_CHARS = 4_000


def hand_off(messages: Sequence[Message], tree: str) -> Sequence[Block]:
    """Gives the content of the message that takes the place of all these; `tree` is what LOOK told."""
    return _note(messages, INTRO, {"How far the work is": [tree], "The last results": _results(messages)})


def take_over(messages: Sequence[Message], tree: str) -> Sequence[Block]:
    """The same for another model, where the one before declined to go on: without the last results, which most likely
    hold what it declined."""
    return _note(messages, TAKEN_OVER, {"How far the work is": [tree]})


def _note(messages: Sequence[Message], intro: str, state: Mapping[str, Sequence[str]]) -> Sequence[Block]:
    first, *later = messages
    sections = {
        "What the person wrote later": [word for message in later for word in persons_words(message)][-_WORDS:],
        "Your list": _latest_list(messages),
        "What you said last": [message.text for message in later if message.calls or message.text][-_NOTES:],
        **state,
    }
    told = [f"# {title}\n\n" + "\n\n".join(texts) for title, texts in _cut(sections) if texts]
    return [*_beginning(first), _text("\n\n".join([intro, *told]))]


def _beginning(first: Message) -> Sequence[Block]:
    """The task as it was given; where that was summarised before, the summary."""
    texts = (str(block.get("text") or block.get("content") or "") for block in first.blocks)
    return [_text(_shortened(text, _TEXT_CHARS)) for text in texts if text.strip()]


def _latest_list(messages: Sequence[Message]) -> Sequence[str]:
    for message in reversed(messages):
        for call in reversed(message.calls):
            if call.name == "todo":
                return [json.dumps(call.input.get("items"), ensure_ascii=False)]
    return []


def _results(messages: Sequence[Message]) -> Sequence[str]:
    calls: dict[str, ToolCall] = {}
    results: list[str] = []
    for message in messages:
        calls |= {call.tool_use_id: call for call in message.calls}
        for block in message.blocks:
            call = calls.get(str(block.get("tool_use_id")))
            if block.get("type") == "tool_result" and call is not None:
                given = _shortened(json.dumps(call.input, ensure_ascii=False), 500)
                told = _shortened("\n".join(_texts(block.get("content"))), _RESULT_CHARS)
                results.append(f"{call.name} {given}\n{told}")
    return results[-_RESULTS:]


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        yield from (str(part.get("text", "")) for part in cast(Iterable[Block], content))


def _cut(sections: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Sequence[str]]]:
    for title, texts in sections.items():
        limit = _RESULT_CHARS + 1_000 if title == "The last results" else _NOTE_CHARS
        yield title, [_shortened(text.strip(), limit) for text in texts if text.strip()]


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2]}\n[…]\n{text[-limit // 2 :]}"


def _text(words: str) -> Block:
    return {"type": "text", "text": words}
