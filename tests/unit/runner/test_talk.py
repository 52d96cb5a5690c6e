"""A person's words reach Claude once, whatever was interrupted between the tap and the model."""

from datetime import date

from errand.v1 import runner_pb2, task_pb2
from errand_common.values import Role
from errand_runner.agent.redact import Redactor
from errand_runner.agent.transcript import Message, Prefix, Transcript
from errand_runner.talk import Said, what_was_said

PREFIX = Prefix.freeze(model="claude-x", max_tokens=1, system="", tools=())
DAY = date(2026, 11, 23)


def said(transcript: Transcript, *, taken: frozenset[str] = frozenset()) -> Said:
    assignment = runner_pb2.Assignment(
        task=task_pb2.Task(task_id="tsk_1", branch="errand/tsk_1"),
        project=task_pb2.Project(repository="octo/pricing", default_branch="trunk"),
        inputs=[
            task_pb2.Input(input_id="inp_1", text="Fix it."),
            task_pb2.Input(input_id="inp_2", text="The key is sk-ant-secret."),
        ],
    )
    redactor = Redactor(["sk-ant-secret"])
    return what_was_said(assignment, transcript, taken=taken, guides={"AGENTS.md": "Test."}, day=DAY, redactor=redactor)


def test_a_new_task_begins_with_where_it_is_and_all_that_was_said() -> None:
    found = said(Transcript(PREFIX))

    text = "\n".join(str(block["text"]) for block in found.blocks)
    assert text.index("octo/pricing") < text.index("Test.") < text.index("Fix it.") < text.index("The key is")
    assert found.input_ids == ["inp_1", "inp_2"]


def test_a_follow_up_is_the_words_alone() -> None:
    earlier = Message("msg_1", Role.USER, b'[{"type":"text","text":"Hello."}]')

    found = said(Transcript.restore(PREFIX, [earlier]))

    assert [block["text"] for block in found.blocks] == ["Fix it.", "The key is [redacted]."]


def test_what_a_message_of_this_attempt_carries_already_is_not_said_again() -> None:
    earlier = Message("msg_1", Role.USER, b'[{"type":"text","text":"Fix it."}]')

    found = said(Transcript.restore(PREFIX, [earlier]), taken=frozenset({"inp_1"}))

    assert found.input_ids == ["inp_2"]
    assert len(found.blocks) == 1
