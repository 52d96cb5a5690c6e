"""Facts become events whole: content byte for byte, summaries short, transient pieces never on disk."""

import json

import pytest

from errand.v1 import event_pb2, task_pb2
from errand.v1.runner_pb2 import AttemptEvent
from errand_common.values import SUMMARY_BYTES, AttemptPhase, Role, SandboxLimit, TodoState, WaitReason
from errand_runner.agent import facts
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.tools.outcome import Todo
from errand_runner.agent.transcript import Message
from errand_runner.deltas import Deltas
from errand_runner.outbox import Outbox
from errand_runner.record import Recorder

ATTEMPT = "att_" + "0" * 26


@pytest.fixture
def box(tmp_path):
    return Outbox(tmp_path)


@pytest.fixture
def deltas(box):
    return Deltas(box.changed)


@pytest.fixture
async def recorder(box, deltas):
    return Recorder(box.hold(ATTEMPT, 1), deltas, task_id="tsk_1")


def written(box):
    return [AttemptEvent.FromString(record.data) for record in box.logs[ATTEMPT].after(0, limit_bytes=1 << 30)]


async def test_a_message_keeps_its_bytes_and_its_summary_is_its_words(box, recorder):
    content = b'[{"type":"thinking","thinking":"hm","signature":"x"}, {"text":"I look.","type":"text"}]'
    usage = facts.Usage(1, 2, 3, 4, cost_nanodollars=None)
    await recorder.fact(facts.MessageAppended("msg_1", Role.ASSISTANT, content, usage, "claude-x", "tool_use"))
    await recorder.written()

    (event,) = written(box)
    assert event.message.content == content
    assert (event.message.role, event.message.model) == (task_pb2.ROLE_ASSISTANT, "claude-x")
    assert event.body.message_appended.summary == "I look."
    assert event.body.message_appended.usage.cache_read_tokens == 3
    assert not event.body.message_appended.usage.HasField("cost_nanodollars")


async def test_a_message_in_the_place_of_others_says_whose_and_why(box, recorder):
    kept = Message("msg_9", Role.ASSISTANT, b'[{"type":"compaction","content":"So far"}]', replaces="msg_1")
    usage = facts.Usage(1, 2, 3, 4, cost_nanodollars=5)
    await recorder.fact(facts.ConversationShortened(kept, "It grew long.", usage, "claude-x", "compaction"))

    (event,) = written(box)
    told, message = event.body.conversation_shortened, event.message
    assert (told.message_id, told.replaces_message_id, told.summary) == ("msg_9", "msg_1", "It grew long.")
    assert (message.message_id, message.replaces_message_id, message.content) == ("msg_9", "msg_1", kept.content)
    assert told.usage == message.usage
    assert told.usage.cost_nanodollars == 5


async def test_what_a_reply_cost_that_is_not_kept_is_told(box, recorder):
    usage = facts.Usage(1, 2, 3, 4, cost_nanodollars=5)
    await recorder.fact(facts.ReplyDropped("msg_9", "claude-x", usage, "it broke off", said="I look", is_estimate=True))

    (event,) = written(box)
    told = event.body.reply_dropped
    assert (told.message_id, told.model, told.reason) == ("msg_9", "claude-x", "it broke off")
    assert (told.usage.output_tokens, told.is_estimate, told.summary) == (4, True, "I look")


async def test_another_model_is_told_with_the_beginning_that_holds_from_then_on(box, recorder):
    prefix = Prefix.freeze(model="claude-y", max_tokens=1, system="s", tools=[], effort="high")
    await recorder.fact(facts.ModelChanged(prefix, "claude-x", "it declined"))

    (event,) = written(box)
    told = event.body.model_changed
    assert (told.model, told.replaced_model, told.reason) == ("claude-y", "claude-x", "it declined")
    assert told.effort == task_pb2.EFFORT_HIGH
    assert event.prefix == prefix.to_bytes()


async def test_how_full_the_context_is_is_told(box, recorder):
    await recorder.fact(facts.ContextMeasured(50_000, 1_000_000))
    await recorder.written()

    (event,) = written(box)
    assert event.body.context_measured == event_pb2.ContextMeasured(used_tokens=50_000, limit_tokens=1_000_000)


async def test_a_persons_message_names_the_inputs_that_it_carries(box, recorder):
    content = b'[{"type":"text","text":"hi"}]'
    await recorder.fact(facts.MessageAppended("msg_1", Role.USER, content, input_ids=("inp_1", "inp_2")))

    assert list(written(box)[0].body.message_appended.input_ids) == ["inp_1", "inp_2"]


async def test_a_tool_call_is_told_when_it_starts_and_when_it_ends(box, recorder):
    given = json.dumps({"command": "pytest -q"}).encode()
    await recorder.fact(facts.ToolStarted("toolu_1", "bash", given))
    output = json.dumps("x" * 5000 + "end").encode()
    await recorder.fact(facts.ToolFinished("toolu_1", "bash", given, output, is_error=False, duration_s=1.5))
    await recorder.written()

    started, finished = written(box)
    assert started.body.tool_call_started.summary == "pytest -q"
    assert started.tool_call.output == b""
    assert len(finished.body.tool_call_finished.summary.encode()) <= SUMMARY_BYTES
    assert finished.body.tool_call_finished.summary.endswith("end")
    assert finished.tool_call.output == output
    assert finished.tool_call.duration.ToTimedelta().total_seconds() == 1.5


async def test_pieces_pass_by_and_are_not_written_down(box, deltas, recorder):
    await recorder.fact(facts.TextDelta("msg_1", 0, "text", "I "))
    await recorder.fact(facts.OutputDelta("toolu_1", "o" * 10_000))

    assert written(box) == []
    pieces = deltas.take(limit_bytes=1 << 20)
    assert pieces[0] == event_pb2.Delta(task_id="tsk_1", subject_id="msg_1", kind=event_pb2.DELTA_KIND_TEXT, text="I ")
    assert "".join(piece.text for piece in pieces[1:]) == "o" * 10_000
    assert all(len(piece.text.encode()) <= 16 * 1024 for piece in pieces)


async def test_phases_only_rise_also_over_a_restart(box, deltas, recorder, tmp_path):
    await recorder.phase(AttemptPhase.STARTING)
    await recorder.phase(AttemptPhase.RUNNING)
    box.close()
    again = Outbox(tmp_path)
    resumed = Recorder(again.logs[ATTEMPT], deltas, task_id="tsk_1")
    await resumed.phase(AttemptPhase.STARTING)
    await resumed.phase(AttemptPhase.RUNNING)

    assert resumed.resumed
    assert not recorder.resumed
    assert [event.body.attempt_phase_changed.phase for event in written(again)] == [
        task_pb2.ATTEMPT_PHASE_STARTING,
        task_pb2.ATTEMPT_PHASE_RUNNING,
    ]


async def test_a_restarted_recorder_knows_the_inputs_that_were_taken(box, deltas, recorder, tmp_path):
    content = b'[{"type":"text","text":"hi"}]'
    await recorder.fact(facts.MessageAppended("msg_1", Role.USER, content, input_ids=("inp_1",)))
    box.close()

    assert Recorder(Outbox(tmp_path).logs[ATTEMPT], deltas, task_id="tsk_1").taken == {"inp_1"}


async def test_events_are_numbered_without_a_hole(box, recorder):
    for _ in range(3):
        await recorder.step(event_pb2.STEP_CLONE, 0.1)

    assert [event.sequence for event in written(box)] == [1, 2, 3]


async def test_a_pause_is_told_once_and_ended_once_over_a_restart_too(box, deltas, recorder, tmp_path):
    await recorder.attempt_thawed(1.0)
    await recorder.attempt_frozen()
    await recorder.attempt_frozen()
    box.close()
    again = Outbox(tmp_path)
    resumed = Recorder(again.logs[ATTEMPT], deltas, task_id="tsk_1")
    assert resumed.frozen
    await resumed.attempt_frozen()
    await resumed.attempt_thawed(2.5)
    await resumed.attempt_thawed(2.5)

    frozen, thawed = written(again)
    assert frozen.body.WhichOneof("kind") == "attempt_frozen"
    assert thawed.body.attempt_thawed.frozen_duration.ToTimedelta().total_seconds() == 2.5


async def test_a_restarted_recorder_knows_whether_it_was_told_to_wait(box, deltas, recorder, tmp_path):
    await recorder.wait_started(WaitReason.QUOTA, "tokens", resume_s=90.0)
    assert recorder.waiting
    box.close()
    again = Outbox(tmp_path)
    resumed = Recorder(again.logs[ATTEMPT], deltas, task_id="tsk_1")
    assert resumed.waiting
    await resumed.wait_ended()
    assert not resumed.waiting
    again.close()
    assert not Recorder(Outbox(tmp_path).logs[ATTEMPT], deltas, task_id="tsk_1").waiting


async def test_a_question_is_told_with_its_choices_within_the_contract(box, recorder):
    await recorder.fact(
        facts.Waiting(WaitReason.QUESTION, "?" * 5000, "toolu_1", choices=["y" * 300, *map(str, range(20))])
    )
    await recorder.fact(facts.WaitOver("inp_1"))

    started, ended = written(box)
    wait = started.body.wait_started
    assert (wait.reason, wait.tool_call_id) == (task_pb2.WAIT_REASON_QUESTION, "toolu_1")
    assert len(wait.summary.encode()) <= SUMMARY_BYTES
    assert len(wait.choices) == 10
    assert max(len(choice.encode()) for choice in wait.choices) <= 200
    assert not wait.HasField("resume_duration")
    assert ended.body.wait_ended.input_id == "inp_1"


async def test_a_quota_says_when_it_is_there_again(box, recorder):
    await recorder.wait_started(WaitReason.QUOTA, "tokens", resume_s=90.0)

    assert written(box)[0].body.wait_started.resume_duration.ToTimedelta().total_seconds() == 90


async def test_a_container_that_was_taken_up_is_told(box, recorder):
    await recorder.sandbox_adopted("sbx_1")

    assert written(box)[0].body.sandbox_adopted.sandbox_id == "sbx_1"


async def test_a_sandbox_in_the_place_of_another_is_told_with_why(box, recorder):
    await recorder.engine_away("no answer", 900.0)
    await recorder.sandbox_replaced("sbx_2", "c2", replaced_id="sbx_1", reason="it ended")

    away, replaced = (event.body for event in written(box))
    assert (away.engine_away.reason, away.engine_away.patience_duration.seconds) == ("no answer", 900)
    assert replaced.sandbox_replaced == event_pb2.SandboxReplaced(
        sandbox_id="sbx_2", container_id="c2", replaced_sandbox_id="sbx_1", reason="it ended"
    )


@pytest.mark.parametrize(("dropped", "kinds"), [(0, ["tool_call_finished"]), (7, ["tool_call_finished", "log_gap"])])
async def test_output_that_was_too_much_is_told_after_its_tool(box, recorder, dropped, kinds):
    finished = facts.ToolFinished("toolu_1", "bash", b"{}", b'"x"', is_error=False, duration_s=1, dropped_bytes=dropped)
    await recorder.fact(finished)
    await recorder.written()

    events = written(box)
    assert [event.body.WhichOneof("kind") for event in events] == kinds
    if dropped:
        assert (events[1].body.log_gap.tool_call_id, events[1].body.log_gap.dropped_bytes) == ("toolu_1", dropped)


async def test_a_limit_that_a_tool_ran_into_is_told(box, recorder):
    await recorder.fact(facts.LimitHit("toolu_1", SandboxLimit.OPEN_FILES, "it ran out of open files"))

    (event,) = written(box)
    hit = event.body.sandbox_limit_hit
    assert (hit.limit, hit.tool_call_id) == (event_pb2.SANDBOX_LIMIT_OPEN_FILES, "toolu_1")
    assert hit.summary == "it ran out of open files"


async def test_pieces_say_how_much_came_before_them(deltas, recorder):
    for text in ("Gr\u00fc\u00df ", "\U0001f642", "Gott"):
        await recorder.fact(facts.TextDelta("msg_1", 0, "text", text))
        await recorder.fact(facts.TextDelta("msg_1", 0, "thinking", "hm"))
    await recorder.fact(facts.OutputDelta("toolu_1", "o" * 5000))

    pieces = deltas.take(limit_bytes=1 << 20)
    assert [(piece.kind, piece.offset) for piece in pieces] == [
        (event_pb2.DELTA_KIND_TEXT, 0),
        (event_pb2.DELTA_KIND_THINKING, 0),
        (event_pb2.DELTA_KIND_TEXT, 5),
        (event_pb2.DELTA_KIND_THINKING, 2),
        (event_pb2.DELTA_KIND_TEXT, 6),
        (event_pb2.DELTA_KIND_THINKING, 4),
        (event_pb2.DELTA_KIND_OUTPUT, 0),
        (event_pb2.DELTA_KIND_OUTPUT, 4096),
    ]


async def test_claudes_list_is_told_whole(box, recorder):
    items = (Todo("Look", TodoState.DONE), Todo("Mend", TodoState.IN_PROGRESS))
    await recorder.fact(facts.TodoChanged("toolu_1", items))

    (event,) = written(box)
    told = event.body.todo_changed
    assert told.tool_call_id == "toolu_1"
    assert [(item.text, item.state) for item in told.items] == [
        ("Look", event_pb2.TODO_STATE_DONE),
        ("Mend", event_pb2.TODO_STATE_IN_PROGRESS),
    ]
