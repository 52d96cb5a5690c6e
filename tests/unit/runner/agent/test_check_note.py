"""How often Claude is told of a check that failed, read off the conversation alone."""

import json

from errand_common.values import Role
from errand_runner.agent.check_note import note_of_check
from errand_runner.agent.ours import persons_words
from errand_runner.agent.transcript import Message

ONE, TWO, THREE = ("1" * 40, "2" * 40, "3" * 40)


def said(text):
    return Message("msg_1", Role.USER, json.dumps([{"type": "text", "text": text}]).encode())


def results(*beside):
    blocks = [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}]
    return Message("msg_1", Role.USER, json.dumps([*blocks, *beside]).encode())


def claude(text="Done."):
    return Message("msg_1", Role.ASSISTANT, json.dumps([{"type": "text", "text": text}]).encode())


def note(messages, commit):
    return note_of_check(messages, commit=commit, reason="exit code 3", printed="no such module")


def test_claude_is_told_what_failed_twice_and_no_more():
    conversation = [said("Mend it."), claude()]
    first = note(conversation, ONE)
    assert all(words in first for words in (ONE, "exit code 3", "no such module"))
    assert "the last time" not in first

    conversation += [said(first), claude(), results(), claude()]
    second = note(conversation, TWO)
    assert "the last time" in second

    assert note([*conversation, said(second), claude()], THREE) == ""


def test_where_claude_left_it_at_that_nothing_more_is_said():
    conversation = [said("Mend it."), claude()]
    conversation += [said(note(conversation, ONE)), claude("It is not mine to mend.")]

    assert note(conversation, ONE) == ""


def test_what_a_person_says_begins_it_anew():
    conversation = [said("Mend it."), claude()]
    for commit in (ONE, TWO):
        conversation += [said(note(conversation, commit)), claude()]

    assert note([*conversation, said("Try it with another version."), claude()], THREE)
    steered = results({"type": "text", "text": "The person wrote this while you were working: another version."})
    assert note([*conversation, steered, claude()], THREE)
    assert not note([*conversation, results(), claude()], THREE)


def test_what_is_said_of_a_check_is_no_persons_word():
    assert persons_words(said(note([said("Mend it.")], ONE))) == []
