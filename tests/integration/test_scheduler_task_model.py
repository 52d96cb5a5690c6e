"""A task may be for a model of its own, which its runners are told, however often it is sent on."""

import grpc
import pytest

from errand.v1 import task_pb2
from errand_common.errors import from_rpc_error
from tests.integration.scheduling import Stack

CHOICE = task_pb2.ModelChoice(
    model="claude-opus-5-5", effort=task_pb2.EFFORT_MAX, thinking_display=task_pb2.THINKING_DISPLAY_OMITTED
)


async def test_its_own_model_is_told_to_each_runner_and_kept(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    task = await person.create(project.project_id, model_choice=CHOICE)
    assert task.model_choice == CHOICE
    async with running.runner() as runner:
        assignment = await runner.take()
        assert assignment.task.model_choice == CHOICE
        ended = task_pb2.ATTEMPT_PHASE_FAILED, task_pb2.FAILURE_REASON_MODEL_REQUEST
        assert (await runner.finish(assignment.attempt, ended[0], failure=ended[1])).error_reason == ""
        await person.retry(task.task_id)
        assert (await runner.take()).task.model_choice == CHOICE


async def test_without_one_nothing_is_told(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    task = await person.create(project.project_id, model_choice=task_pb2.ModelChoice())
    assert task.model_choice == task_pb2.ModelChoice()
    assert (await person.task(task.task_id)).model_choice == task_pb2.ModelChoice()


async def test_a_choice_that_is_none_is_refused(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    for wrong in (task_pb2.ModelChoice(model="claude opus"), task_pb2.ModelChoice(effort=99)):  # type: ignore[arg-type]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await person.create(project.project_id, model_choice=wrong)
        assert from_rpc_error(refused.value).reason == "INVALID"
