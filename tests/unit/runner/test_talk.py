"""A person's words reach Claude once, whenever they come and whatever was interrupted on their way."""

import asyncio
import json
from dataclasses import replace

import pytest

from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import task_pb2
from errand.v1.runner_pb2 import Assignment
from errand_common.values import Role
from errand_runner.agent.allowance import Amounts
from errand_runner.agent.facts import EndReason
from errand_runner.agent.leaving import Leaving, Stopper
from errand_runner.agent.model import Model
from errand_runner.agent.prompt import MID_WORK
from errand_runner.agent.transcript import Message, Transcript
from errand_runner.inputs import Inbox
from errand_runner.talk import restore
from tests.standins.claude import Cut, Failure, Reply, Text
from tests.unit.runner.talking import (
    BASH,
    CHOICE,
    DONE,
    EARLIER,
    PREFIX,
    SECRET,
    Attempt,
    attempt,
    hearing,
    interrupted,
    queue,
    steer,
    texts,
)


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
    async with asyncio.timeout(20):
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
