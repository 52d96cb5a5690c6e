"""A person's words reach Claude once, whenever they come and whatever was interrupted on their way."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import task_pb2
from errand.v1.runner_pb2 import Assignment, AttemptEvent
from errand_common import wire
from errand_common.clock import Clock
from errand_common.values import Role
from errand_runner.agent.allowance import Amounts
from errand_runner.agent.choice import Choice
from errand_runner.agent.facts import EndReason
from errand_runner.agent.leaving import Leaving, Stopper
from errand_runner.agent.model import Model
from errand_runner.agent.prefix import Prefix
from errand_runner.agent.prompt import MID_WORK, Particulars
from errand_runner.agent.redact import Redactor
from errand_runner.agent.transcript import Message, Transcript
from errand_runner.deltas import Deltas
from errand_runner.inputs import Inbox
from errand_runner.outbox import Outbox
from errand_runner.record import Recorder
from errand_runner.talk import Hearing, restore, talk
from tests.standins.claude import Cut, Failure, Reply, Text, ToolUse
from tests.unit.runner.agent.harness import NOON, errand
from tests.unit.runner.local_supervisor import local_supervisor

PREFIX = Prefix.freeze(model="claude-x", max_tokens=1, system="", tools=())
CHOICE = Choice("claude-x")
ATTEMPT = "att_" + "0" * 26
SECRET = "sk-ant-secret"
ABOUT = Particulars("octo/pricing", "errand/tsk_1", "trunk", "/workspace", NOON.date(), "none.", {"AGENTS.md": "Test."})
EARLIER = Message("msg_1", Role.USER, b'[{"type":"text","text":"Hello."}]')

BASH = Reply([ToolUse("bash", {"command": "true"})])
DONE = Reply([Text("Done.")])


def queue(number, text):
    return task_pb2.Input(input_id=f"inp_{number}", text=text, kind=task_pb2.INPUT_KIND_QUEUE)


def steer(number, text):
    return task_pb2.Input(input_id=f"inp_{number}", text=text, kind=task_pb2.INPUT_KIND_STEER)


def hearing(transcript, *inputs):
    return Hearing(inbox=Inbox(inputs), transcript=transcript, about=ABOUT, redactor=Redactor([SECRET]))


def texts(said):
    return [str(block["text"]) for block in said.blocks]


@pytest.mark.parametrize(("replaces", "used"), [("", 10), ("msg_0", 0)])
async def test_a_restored_conversation_knows_how_full_it_is(replaces, used):
    usage = task_pb2.Usage(input_tokens=1, cache_write_tokens=2, cache_read_tokens=3, output_tokens=4)
    stored = [
        dispatch.GetTranscriptResponse(prefix=PREFIX.to_bytes()),
        dispatch.GetTranscriptResponse(
            message=task_pb2.Message(
                message_id="msg_1",
                role=task_pb2.ROLE_ASSISTANT,
                content=b'[{"type":"compaction","content":"So far"}]',
                usage=usage,
                replaces_message_id=replaces,
            )
        ),
    ]
    transcript = await restore(stored, model=Model(api_key="none", base_url="http://localhost"), choice=CHOICE)
    assert transcript.used_tokens == used
    assert [each.blocks for each in transcript.messages] == [[{"type": "compaction", "content": "So far"}]]


def test_a_new_task_begins_with_where_it_is_and_all_that_was_said():
    found = hearing(Transcript(PREFIX), queue(1, "Fix it."), steer(2, "Soon.")).everything()

    text = "\n".join(texts(found))
    assert text.index("octo/pricing") < text.index("Test.") < text.index("Fix it.") < text.index("Soon.")
    assert found.input_ids == ("inp_1", "inp_2")


def test_a_follow_up_is_the_words_alone_without_secrets():
    found = hearing(Transcript.restore(PREFIX, [EARLIER]), queue(1, "Fix it."), queue(2, f"The key is {SECRET}."))

    assert texts(found.everything()) == ["Fix it.", "The key is [redacted]."]


def test_what_became_of_the_working_folder_is_said_before_what_the_person_said():
    heard = replace(hearing(Transcript.restore(PREFIX, [EARLIER]), queue(1, "Fix it.")), notes=["It was made anew."])

    assert texts(heard.with_notes(heard.everything())) == ["It was made anew.", "Fix it."]


@pytest.mark.parametrize(
    "messages", [[], [EARLIER, Message("msg_2", Role.ASSISTANT, b'[{"type":"text","text":"Done."}]')]]
)
def test_nothing_begins_only_to_say_what_became_of_the_working_folder(messages):
    heard = replace(hearing(Transcript.restore(PREFIX, messages)), notes=["It was made anew."])

    assert texts(heard.with_notes(heard.everything())) == []


async def test_a_steer_is_noticed_before_it_is_taken_and_a_queued_word_is_not_one():
    box = Inbox([queue(1, "a")])
    noticing = asyncio.ensure_future(box.steered())
    box.put([queue(1, "a"), queue(2, "b")])
    await asyncio.sleep(0)
    assert not noticing.done()
    box.put([queue(1, "a"), queue(2, "b"), steer(3, "c")])
    async with asyncio.timeout(5):
        await noticing
        await box.steered()
    assert [each.text for each in box.take_steers()] == ["c"]


def test_a_steer_is_marked_as_said_in_mid_work_and_holds_no_secrets():
    heard = hearing(Transcript.restore(PREFIX, [EARLIER]), queue(1, "Then this."), steer(2, f"With {SECRET}."))

    found = heard.steers()

    assert (texts(found), found.input_ids) == ([f"{MID_WORK}\n\nWith [redacted]."], ("inp_2",))
    assert heard.steers().blocks == []
    assert heard.everything().input_ids == ("inp_1",)


def test_the_same_input_is_taken_in_once_however_often_it_comes():
    box = Inbox([queue(1, "a")])
    box.put([queue(1, "a"), steer(2, "b")])
    assert [each.input_id for each in box.take()] == ["inp_1", "inp_2"]
    box.put([queue(1, "a"), steer(2, "b")])

    assert box.take() == []


def test_what_a_message_carries_already_is_not_said_again():
    box = Inbox([queue(1, "a"), queue(2, "b")])
    box.drop({"inp_1", "inp_3"})
    box.put([queue(2, "b"), queue(3, "c")])

    assert [each.input_id for each in box.take()] == ["inp_2"]


class Attempt:
    """A conversation of an attempt: what Claude answers, what is on record, what is written meanwhile."""

    def __init__(self, task, folder, box):
        self.task, self.box = task, box
        self.answer_s = 20.0
        self.outbox = Outbox(folder / "outbox")
        self.log = self.outbox.logs.get(ATTEMPT) or self.outbox.hold(ATTEMPT, 1)
        self.recorder = Recorder(self.log, Deltas(self.outbox.changed), task_id="tsk_1")

    async def talk(self):
        heard = Hearing(
            inbox=self.box, transcript=self.task.transcript, about=ABOUT, redactor=Redactor(), answer_s=self.answer_s
        )
        agent = replace(
            self.task.agent, steers=heard.steers, asks=heard.asks, answered=heard.answered, longest_delay_s=120
        )
        return await talk(agent, self.task.transcript, heard, recorder=self.recorder, clock=Clock())

    def events(self):
        return [AttemptEvent.FromString(record.data) for record in self.log.after(0, limit_bytes=1 << 30)]

    def stored(self, *, call_us=None):
        """The transcript as the scheduler keeps it, which stored its tool calls then."""
        found = [(event.WhichOneof("record"), event) for event in self.events()]
        kept = [dispatch.GetTranscriptResponse(**{kind: getattr(event, kind)}) for kind, event in found if kind]
        for each in kept:
            if call_us is not None and each.HasField("tool_call"):
                each.tool_call.created_time.FromMicroseconds(call_us)
        return kept

    def waits(self):
        """The waits that were told, and the inputs that ended them."""
        told = [event.body for event in self.events()]
        return [
            "began" if body.HasField("wait_started") else body.wait_ended.input_id
            for body in told
            if body.WhichOneof("kind") in ("wait_started", "wait_ended")
        ]

    @property
    def carried(self):
        """The inputs that each message carries, with its role."""
        told = [event.body.message_appended for event in self.events() if event.HasField("message")]
        return [(wire.word(task_pb2.Role, each.role), list(each.input_ids)) for each in told]


@asynccontextmanager
async def attempt(script, folder, *inputs):
    box = Inbox(inputs)
    async with (
        local_supervisor(folder) as supervisor,
        errand(lambda request: script(request, box), supervisor, folder) as task,
    ):
        yield Attempt(task, folder, box)


async def test_a_follow_up_that_waits_is_the_same_attempts_next_turn(tmp_path):
    def script(request, box):
        if request.number == 1:
            box.put([queue(2, "And this."), steer(3, "Now.")])
        return DONE

    async with attempt(script, tmp_path, queue(1, "Go.")) as run:
        ended = await run.talk()
        said = run.task.messages[-1]["content"]

    assert ended.reason is EndReason.COMPLETED
    assert run.carried == [("user", ["inp_1"]), ("assistant", []), ("user", ["inp_2", "inp_3"]), ("assistant", [])]
    assert [block["text"] for block in said] == ["And this.", "Now."]


async def test_a_steer_joins_the_running_turn_and_the_queue_waits_for_its_end(tmp_path):
    def script(request, box):
        if request.number == 1:
            box.put([queue(2, "And this."), steer(3, "Now.")])
        return BASH if request.number == 1 else DONE

    async with attempt(script, tmp_path, queue(1, "Go.")) as run:
        await run.talk()

    roles = ["user", "assistant", "user", "assistant", "user", "assistant"]
    assert run.carried == list(zip(roles, [["inp_1"], [], ["inp_3"], [], ["inp_2"], []], strict=True))


async def test_an_attempt_that_fails_leaves_what_waits_to_the_next(tmp_path):
    def script(request, box):
        box.put([queue(2, "And this.")])
        return Failure(401, "authentication_error", "invalid")

    async with attempt(script, tmp_path, queue(1, "Go.")) as run:
        assert (await run.talk()).reason is EndReason.MODEL_AUTH

    assert run.carried == [("user", ["inp_1"])]
    assert [each.input_id for each in run.box.take()] == ["inp_2"]


@pytest.mark.parametrize("is_over", [False, True])
async def test_a_restarted_runner_steers_its_turn_and_keeps_the_queue_for_after_it(tmp_path, is_over):
    asked = asyncio.Event()

    async def script(request, box):
        if is_over or request.number > 2:
            return DONE
        if request.number == 2:
            asked.set()
            await asyncio.Event().wait()
        return BASH

    inputs = (queue(1, "Go."), queue(2, "And this."), steer(3, "Now."))
    async with attempt(script, tmp_path, inputs[0]) as first:
        if is_over:
            await first.talk()
        else:
            await interrupted(first.talk(), asked)
        first.outbox.close()
        second = Attempt(first.task, tmp_path, Inbox(inputs))
        second.task.transcript = await restore(second.stored(), model=second.task.agent.model, choice=CHOICE)
        await second.talk()

    before = [["inp_1"], []] if is_over else [["inp_1"], [], []]
    assert [input_ids for _, input_ids in second.carried] == [*before, ["inp_3"], [], ["inp_2"], []]
    assert json.dumps(second.task.messages).count("Go.") == 1


async def test_a_limit_that_is_raised_in_time_is_noticed_and_one_that_is_not_is_given_up():
    heard = replace(hearing(Transcript(PREFIX)), answer_s=5.0)
    now = Amounts(requests=5)
    waiting = asyncio.ensure_future(heard.raised(Amounts(requests=5), lambda: now))
    heard.inbox.hear(Assignment(inputs=[queue(1, "a")]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    now = Amounts(requests=6)
    heard.inbox.hear(Assignment())
    assert await waiting
    assert not await replace(heard, answer_s=0.01).raised(now, lambda: now)


async def asks(run, times):
    """The question is told so many times."""
    async with asyncio.timeout(10):
        while run.waits().count("began") < times:
            await asyncio.sleep(0.01)


def said_at(number, text, us, kind=task_pb2.INPUT_KIND_ANSWER):
    given = task_pb2.Input(input_id=f"inp_{number}", text=text, kind=kind)
    given.created_time.FromMicroseconds(us)
    return given


def results(task):
    content = [block for each in task.messages if each["role"] == "user" for block in each["content"]]
    return {block["tool_use_id"]: block["content"] for block in content if block["type"] == "tool_result"}


def asking(number):
    return Reply([ToolUse("ask_user", {"question": f"Which, {number}?"}, f"t{number}")])


async def test_only_what_is_written_after_a_question_answers_it(tmp_path):
    def script(request, box):
        if request.number == 1:
            box.put([queue(2, "And this.")])
        return asking(1) if request.number == 1 else DONE

    async with attempt(script, tmp_path, queue(1, "Go.")) as run, asyncio.TaskGroup() as group:
        talking = group.create_task(run.talk())
        await asks(run, 1)
        assert run.waits() == ["began"]
        run.box.put([queue(2, "And this."), queue(3, "Tabs.")])
        assert (await talking).reason is EndReason.COMPLETED
        assert results(run.task) == {"t1": "Tabs."}

    assert [ids for _, ids in run.carried if ids] == [["inp_1"], ["inp_3"], ["inp_2"]]


async def test_a_second_answer_to_one_question_does_not_answer_the_next(tmp_path):
    def script(request, box):
        return asking(request.number) if request.number < 3 else DONE

    async with attempt(script, tmp_path, queue(1, "Go.")) as run, asyncio.TaskGroup() as group:
        talking = group.create_task(run.talk())
        await asks(run, 1)
        run.box.put([said_at(2, "Tabs.", 1), said_at(3, "Tabs.", 2)])
        await asks(run, 2)
        run.box.put([said_at(3, "Tabs.", 2), said_at(4, "No.", 3)])
        await talking
        assert results(run.task) == {"t1": "Tabs.", "t2": "No."}

    assert run.waits() == ["began", "inp_2", "began", "inp_4"]
    assert [ids for _, ids in run.carried if ids] == [["inp_1"], ["inp_2"], ["inp_4"], ["inp_3"]]


@asynccontextmanager
async def parked(script, folder, *inputs, call_us):
    """The attempt after one that parked at a question, which was stored then."""
    async with attempt(script, folder, queue(1, "Go.")) as first:
        first.answer_s = 0.05
        assert (await first.talk()).reason is EndReason.PARKED
        second = Attempt(first.task, folder, Inbox(inputs))
        second.task.transcript = await restore(
            first.stored(call_us=call_us), model=first.task.agent.model, choice=CHOICE
        )
        yield second
        second.outbox.close()


@pytest.mark.parametrize("call_us", [10, None])
async def test_the_next_attempt_takes_for_an_answer_what_came_after_the_question(tmp_path, call_us):
    def script(request, box):
        return asking(1) if request.number == 1 else DONE

    early, late = said_at(2, "And this.", 9), said_at(3, "Tabs.", 11)
    async with parked(script, tmp_path, early, late, call_us=call_us) as run:
        await run.talk()
        expected, ended_by = ("Tabs.", "inp_3") if call_us else ("And this.", "inp_2")
        assert results(run.task) == {"t1": expected}
        assert run.waits()[-1] == ended_by


async def test_the_next_attempt_asks_again_where_nothing_answers(tmp_path):
    def script(request, box):
        return asking(1) if request.number == 1 else DONE

    async with parked(script, tmp_path, said_at(2, "And this.", 9), call_us=10) as run, asyncio.TaskGroup() as group:
        talking = group.create_task(run.talk())
        await asks(run, 2)
        run.box.put([said_at(2, "And this.", 9), said_at(3, "Tabs.", 11)])
        await talking
        assert results(run.task) == {"t1": "Tabs."}

    assert [ids for _, ids in run.carried if ids] == [["inp_1"], ["inp_3"], ["inp_2"]]


async def test_an_answer_to_the_second_question_of_a_message_waits_for_its_turn(tmp_path):
    both = Reply([ToolUse("ask_user", {"question": f"Which, {each}?"}, f"t{each}") for each in (1, 2)])

    async def script(request, box):
        return both if request.number == 1 else DONE

    async with attempt(script, tmp_path, queue(1, "Go.")) as run, asyncio.TaskGroup() as group:
        talking = group.create_task(run.talk())
        await asks(run, 1)
        run.box.put([said_at(2, "Tabs.", 5)])
        await asks(run, 2)
        talking.cancel()
        run.outbox.close()
        again = Attempt(
            run.task, tmp_path, Inbox([said_at(2, "Tabs.", 5), said_at(3, "No.", 15, task_pb2.INPUT_KIND_STEER)])
        )
        stored = again.stored()
        for each in stored:
            if each.HasField("tool_call"):
                each.tool_call.created_time.FromMicroseconds(1 if each.tool_call.tool_call_id == "t1" else 10)
        again.task.transcript = await restore(stored, model=run.task.agent.model, choice=CHOICE)
        await again.talk()
        assert results(again.task) == {"t1": "Tabs.", "t2": "No."}


async def test_a_restarted_runner_says_that_the_wait_for_the_model_is_over_before_it_asks(tmp_path):
    told = []

    def script(request, box):
        if request.number == 1:
            return Failure(429, "rate_limit_error", "slow down", headers={"retry-after": "3600"})
        told.extend(second.waits())
        return DONE

    async with attempt(script, tmp_path, queue(1, "Go.")) as first:
        assert (await first.talk()).reason is EndReason.PARKED
        assert first.waits() == ["began"]
        first.outbox.close()
        second = Attempt(first.task, tmp_path, Inbox())
        second.task.transcript = await restore(second.stored(), model=second.task.agent.model, choice=CHOICE)
        await second.talk()

    assert told == ["began", ""]


async def test_a_restarted_runner_says_that_an_answered_question_waits_no_more(tmp_path):
    def script(request, box):
        return asking(1) if request.number == 1 else DONE

    async with attempt(script, tmp_path, queue(1, "Go.")) as first, asyncio.TaskGroup() as group:
        talking = group.create_task(first.talk())
        await asks(first, 1)
        talking.cancel()
        first.outbox.close()
        second = Attempt(first.task, tmp_path, Inbox([said_at(2, "Tabs.", 11)]))
        second.task.transcript = await restore(second.stored(call_us=10), model=second.task.agent.model, choice=CHOICE)
        await second.talk()

    assert second.waits() == ["began", "inp_2"]


@pytest.mark.parametrize("stopper", [Stopper.PERSON, None])
async def test_what_a_conversation_has_under_way_is_on_record_once_it_is_cancelled(tmp_path, stopper):
    async def script(request, box):
        return Reply([Text("one two")], cut=Cut.SILENCE, cut_after_events=4)

    async with attempt(script, tmp_path, queue(1, "Go.")) as run:
        run.box.stopper = stopper
        run.task.agent = replace(run.task.agent, leaving=Leaving(stopper=lambda: run.box.stopper))
        talking = asyncio.ensure_future(run.talk())
        async with asyncio.timeout(10):
            while not any(event.body.HasField("step_finished") for event in run.events()):
                await asyncio.sleep(0.01)
        talking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await talking
        dropped = run.events()[-1].body.reply_dropped

    assert dropped.is_estimate
    assert dropped.usage.output_tokens > 1
    assert dropped.summary == ("one" if stopper else "")


async def interrupted(talking, asked):
    """The process ends while Claude is asked."""
    task = asyncio.ensure_future(talking)
    async with asyncio.timeout(10):
        await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
