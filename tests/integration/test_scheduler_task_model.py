"""A task may be for a model of its own, which its runners are told, however often it is sent on."""

from typing import Any

from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import event_pb2, task_pb2
from errand.v1.runner_pb2 import AttemptEvent
from tests.integration.refused import refusal
from tests.integration.scheduling import DEADLINE_S, Stack

CHOICE = task_pb2.ModelChoice(
    model="claude-opus-5-5",
    effort=task_pb2.EFFORT_MAX,
    thinking_display=task_pb2.THINKING_DISPLAY_OMITTED,
    fallback_model="claude-haiku-5-5",
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
    wrongs: list[dict[str, Any]] = [{"model": "claude opus"}, {"fallback_model": "a b"}, {"effort": 99}]
    for wrong in wrongs:
        choice = task_pb2.ModelChoice(**wrong)
        assert (await refusal(person.create(project.project_id, model_choice=choice))).reason == "INVALID"


async def test_another_model_that_goes_on_is_what_the_next_attempt_begins_with(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    await person.create(project.project_id)
    frozen = AttemptEvent(body=event_pb2.EventBody(prefix_frozen=event_pb2.PrefixFrozen(model="a")), prefix=b"first")
    body = event_pb2.EventBody(model_changed=event_pb2.ModelChanged(model="b", replaced_model="a"))
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        assert (await runner.send(ref, frozen, AttemptEvent(body=body, prefix=b"second"))).error_reason == ""
        request = dispatch.GetTranscriptRequest(session_id=runner.session_id, attempt=ref)
        stored = runner.stub.GetTranscript(request, metadata=runner.metadata, timeout=DEADLINE_S)
        assert [each.prefix async for each in stored if each.HasField("prefix")] == [b"second"]
        assert (await runner.send(ref, AttemptEvent(body=body))).error_reason == "INVALID"
