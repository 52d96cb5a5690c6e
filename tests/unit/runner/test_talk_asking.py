"""A question waits for its answer, over the end of an attempt and of a runner too."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from errand.v1 import task_pb2
from errand_runner.agent.facts import EndReason
from errand_runner.inputs import Inbox
from errand_runner.talk import restore
from tests.standins.claude import Failure, Reply, ToolUse
from tests.unit.runner.talking import (
    CHOICE,
    DONE,
    Attempt,
    attempt,
    queue,
)


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
