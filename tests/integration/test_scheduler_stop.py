"""A stop works in every phase, with a runner and without one."""

from typing import Any

from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import runner_pb2, task_pb2
from tests.integration.refused import refusal
from tests.integration.scheduling import (
    ScriptedRunner,
    Stack,
    inputs_event,
    new_task,
    phase_event,
)

BEAT_S = 0.2


async def until_removed(runner: ScriptedRunner, ref: runner_pb2.AttemptRef) -> None:
    while ref.attempt_id not in (await runner.next_change()).removed_attempt_ids:
        continue


async def test_a_pending_task_is_stopped_at_once(running: Stack) -> None:
    person, task = await new_task(running)
    assert (await person.stop(task.task_id)).status == task_pb2.TASK_STATUS_CANCELLED
    async with running.runner() as runner:
        assert list(runner.snapshot.assignments) == []
        other = await person.create(task.project_id)
        assert (await runner.next_assignment()).task.task_id == other.task_id


async def test_an_offered_task_is_stopped_at_once_and_the_offer_is_gone(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.next_assignment()).attempt
        assert (await person.stop(task.task_id)).status == task_pb2.TASK_STATUS_CANCELLED
        assert (await runner.accept(ref)).error_reason == "LEASE_SUPERSEDED"
        await until_removed(runner, ref)


async def test_a_running_task_is_stopped_by_its_runner(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        await runner.send(ref, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING))
        for _ in range(2):
            assert (await person.stop(task.task_id)).status == task_pb2.TASK_STATUS_RUNNING
        told = await runner.next_assignment()
        assert told.attempt == ref
        assert (told.desired_state, told.stop_cause) == (runner_pb2.DESIRED_STATE_STOP, runner_pb2.STOP_CAUSE_PERSON)
        verdicts = (await runner.beat(ref)).directives.verdicts
        stop = runner_pb2.AttemptVerdict(
            attempt=ref, verdict=runner_pb2.VERDICT_STOP, stop_cause=runner_pb2.STOP_CAUSE_PERSON
        )
        assert list(verdicts) == [stop]
        assert (await runner.finish(ref, task_pb2.ATTEMPT_PHASE_CANCELLED)).error_reason == ""
        await until_removed(runner, ref)
    stopped = await person.task(task.task_id)
    assert stopped.status == task_pb2.TASK_STATUS_CANCELLED
    assert stopped.HasField("completed_time")


async def test_what_is_being_stopped_is_lent_what_its_last_checkpoint_needs_and_no_more(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        await person.stop(task.task_id)
        named: dict[str, Any] = {"session_id": runner.session_id, "attempt": ref}

        lent = await runner.stub.LendCredential(dispatch.LendCredentialRequest(**named), metadata=runner.metadata)

        assert lent.password
        other = dispatch.LendCredentialRequest(**named, repository="octo/other")
        refused: tuple[Any, ...] = (
            runner.stub.LendCredential(other, metadata=runner.metadata),
            runner.stub.LendSecrets(dispatch.LendSecretsRequest(**named), metadata=runner.metadata),
            runner.stub.OpenPullRequest(dispatch.OpenPullRequestRequest(**named, title="t"), metadata=runner.metadata),
        )
        for call in refused:
            assert "may not act" in (await refusal(call)).message


async def test_once_it_is_stopped_nothing_is_lent(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        await person.stop(task.task_id)
        await runner.finish(ref, task_pb2.ATTEMPT_PHASE_CANCELLED)
        assert "is over" in (await refusal(runner.lend(ref))).message


async def test_a_task_whose_runner_is_away_is_stopped_at_once(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        watch = person.watch(task.task_id)
        while "not heard of" not in (await watch.next()).event.body.task_status_changed.status_reason:
            continue
        watch.cancel()
        stopped = await person.stop(task.task_id)
        assert stopped.status == task_pb2.TASK_STATUS_CANCELLED
        assert stopped.status_reason == "stopped while its runner was away; its branch may hold more than is told here"
        assert [each.verdict for each in (await runner.beat(ref)).directives.verdicts] == [runner_pb2.VERDICT_FORGET]
        assert (await runner.finish(ref)).error_reason == "LEASE_SUPERSEDED"


async def test_a_stop_that_the_runner_never_answers_is_done_when_its_lease_ends(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        await runner.take()
        assert (await person.stop(task.task_id)).status == task_pb2.TASK_STATUS_RUNNING
        stopped = await person.until_status(task.task_id, task_pb2.TASK_STATUS_CANCELLED)
        assert stopped.status_reason == (
            "stopped without its runner's answer; its branch may hold more than is told here"
        )


async def test_a_stopped_task_goes_on_with_a_follow_up(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        first = await runner.take()
        await runner.send(first.attempt, inputs_event(first))
        await person.stop(task.task_id)
        await person.add_input(task.task_id, "rather this")
        await runner.finish(first.attempt, task_pb2.ATTEMPT_PHASE_CANCELLED)
        while (second := await runner.next_assignment()).attempt == first.attempt:
            continue
        assert [each.text for each in second.inputs] == ["rather this"]
