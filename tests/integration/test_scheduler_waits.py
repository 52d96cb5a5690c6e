"""A task that waits, as a person and a runner see it: asked, answered, parked, sent on."""

from errand.v1 import event_pb2, runner_pb2, task_pb2
from tests.integration.scheduling import Stack, inputs_event, new_task
from tests.integration.waiting import ALLOWANCE, QUESTION, QUOTA, waits

ANSWER = task_pb2.INPUT_KIND_ANSWER
WAITING, PENDING, RUNNING = task_pb2.TASK_STATUS_WAITING, task_pb2.TASK_STATUS_PENDING, task_pb2.TASK_STATUS_RUNNING
CANCELLED = task_pb2.TASK_STATUS_CANCELLED
PARKED = task_pb2.ATTEMPT_PHASE_PARKED


def wait_over(input_id: str) -> runner_pb2.AttemptEvent:
    return runner_pb2.AttemptEvent(body=event_pb2.EventBody(wait_ended=event_pb2.WaitEnded(input_id=input_id)))


async def test_an_answer_reaches_the_attempt_that_waits_for_it(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = await waits(runner, QUESTION)
        asked = await person.task(task.task_id)
        assert (asked.status, asked.wait_reason, asked.status_reason) == (WAITING, QUESTION, "left or right?")
        assert not asked.HasField("resume_time")
        added = await person.add_input(task.task_id, "left", ANSWER)
        assert added.task.status == WAITING
        told = await runner.next_assignment()
        assert [(each.text, each.kind) for each in told.inputs] == [("left", ANSWER)]
        await runner.send(ref, wait_over(added.input.input_id), inputs_event(told))
        assert (await person.task(task.task_id)).status == RUNNING
        await runner.finish(ref)
    assert await person.statuses(task.task_id) == [PENDING, RUNNING, WAITING, RUNNING, task_pb2.TASK_STATUS_COMPLETED]


async def test_a_parked_task_goes_on_with_a_new_attempt_once_it_is_answered(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = await waits(runner, QUESTION)
        for _ in range(2):
            assert (await runner.finish(ref, PARKED)).error_reason == ""
        assert (await person.task(task.task_id)).status == WAITING
        assert (await person.add_input(task.task_id, "left", ANSWER)).task.status == PENDING
        second = await runner.take()
        assert second.attempt.fence == ref.fence + 1
        assert [each.text for each in second.inputs] == ["left"]


async def test_a_quota_that_is_there_again_sends_the_task_on_by_itself(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = await waits(runner, QUOTA, resume_s=1.5)
        await runner.finish(ref, PARKED)
        spent = await person.task(task.task_id)
        assert spent.wait_reason == QUOTA
        assert spent.resume_time.ToMicroseconds() > spent.created_time.ToMicroseconds()
        async with runner.beating():
            assert (await runner.take()).task.task_id == task.task_id


async def test_a_retry_sends_on_what_waits_for_an_allowance(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = await waits(runner, ALLOWANCE)
        assert (await person.retry(task.task_id)).status == WAITING
        await runner.finish(ref, PARKED)
        assert (await runner.take()).attempt.fence == ref.fence + 1
    kinds = [event.body.WhichOneof("kind") for event in await person.events(task.task_id)]
    assert kinds.count("task_retried") == 1


async def test_a_task_that_waits_is_stopped_parked_or_not(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        hot = await waits(runner, QUESTION)
        assert (await person.stop(task.task_id)).status == RUNNING
        stopping = await runner.next_assignment()
        assert (stopping.attempt, stopping.desired_state) == (hot, runner_pb2.DESIRED_STATE_STOP)
        await runner.finish(hot, PARKED)
        assert (await person.task(task.task_id)).status == CANCELLED
        assert (await person.retry(task.task_id)).status == PENDING
        parked = await waits(runner, QUESTION)
        await runner.finish(parked, PARKED)
        assert (await person.stop(task.task_id)).status == CANCELLED
