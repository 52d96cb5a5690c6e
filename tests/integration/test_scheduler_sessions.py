"""What two processes, a lost answer or a restart do to a runner's session: nothing is begun twice, nothing is lost."""

from datetime import timedelta
from pathlib import Path

import pytest

from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import runner_pb2, task_pb2
from errand_common.errors import Exhausted
from tests.integration.moved_clock import MovedClock
from tests.integration.refused import refusal
from tests.integration.scheduling import (
    DEADLINE_S,
    ScriptedRunner,
    Stack,
    github_with_repository,
    message_event,
    new_task,
    phase_event,
    stack,
)

BEAT_S = 0.5


async def refusal_of(runner: ScriptedRunner) -> Exhausted:
    """Why its session is refused."""
    error = await refusal(runner.open())
    assert isinstance(error, Exhausted)
    return error


async def test_an_accept_that_is_repeated_begins_nothing_twice(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.next_assignment()).attempt
        for _ in range(5):
            assert (await runner.accept(ref)).error_reason == ""
        assert (await runner.send(ref, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING))).error_reason == ""
        assert (await runner.accept(ref)).error_reason == ""
    phases = [each.body.attempt_phase_changed.phase for each in await person.events(task.task_id)]
    assert phases.count(task_pb2.ATTEMPT_PHASE_ACCEPTED) == 1


async def test_an_offer_outlives_the_scheduler_that_made_it(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(tmp_path / "data", github) as before:
            await new_task(before)
            async with before.runner() as runner:
                offered = (await runner.next_assignment()).attempt
        async with stack(tmp_path / "data", github) as after, after.runner() as runner:
            assert [each.attempt for each in runner.snapshot.assignments] == [offered]
            assert (await runner.accept(offered)).error_reason == ""


async def test_an_accept_whose_answer_was_lost_in_a_restart_still_holds(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(tmp_path / "data", github) as before:
            await new_task(before)
            async with before.runner() as runner:
                taken = (await runner.take()).attempt
        async with stack(tmp_path / "data", github) as after:
            runner = after.runner()
            answer = await runner.open([runner_pb2.HeldAttempt(attempt=taken)])
            assert [each.verdict for each in answer.verdicts] == [runner_pb2.VERDICT_KEEP]
            assert (await runner.accept(taken)).error_reason == ""


async def test_what_a_runner_lost_while_the_scheduler_was_down_is_begun_anew(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(tmp_path / "data", github, beat_s=BEAT_S) as before:
            _, task = await new_task(before)
            async with before.runner("old") as runner:
                taken = (await runner.take()).attempt
        async with stack(tmp_path / "data", github, beat_s=BEAT_S) as after, after.runner("young") as runner:
            async with runner.beating():
                again = await runner.next_assignment()
            assert again.task.task_id == task.task_id
            assert again.attempt.fence > taken.fence


async def test_an_attempt_that_a_copied_folder_claims_with_less_than_is_stored_is_over(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner("first") as first:
        ref = (await first.take()).attempt
        await first.send(ref, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING))
        copy = running.runner("copy")
        answer = await copy.open([runner_pb2.HeldAttempt(attempt=ref, last_sequence=0)])
        assert [each.verdict for each in answer.verdicts] == [runner_pb2.VERDICT_FORGET]
    assert (await person.task(task.task_id)).failure_reason == task_pb2.FAILURE_REASON_RUNNER_LOST


async def test_a_session_request_that_comes_again_late_loses_nothing(running: Stack) -> None:
    await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        session_id = runner.session_id
        await runner.send(ref, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING))
        answer = await runner.open([runner_pb2.HeldAttempt(attempt=ref, last_sequence=0)])
        assert [each.verdict for each in answer.verdicts] == [runner_pb2.VERDICT_KEEP]
        await runner.open()
        assert runner.session_id == session_id
        assert (await runner.beat(ref)).directives.verdicts == []


@pytest.mark.parametrize("wrote_alone", [0, 1])
async def test_a_process_that_comes_back_does_not_go_on_where_its_copy_did(running: Stack, wrote_alone: int) -> None:
    person, task = await new_task(running)
    one, copy = running.runner("one"), running.runner("copy")
    async with one:
        ref = (await one.take()).attempt
        await one.send(ref, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING))
    held = runner_pb2.HeldAttempt(attempt=ref, last_sequence=1)
    assert [each.verdict for each in (await copy.open([held])).verdicts] == [runner_pb2.VERDICT_KEEP]
    copy.stream, copy.last_sequences = copy.stub.StreamEvents(metadata=copy.metadata), {ref.attempt_id: 1}
    await copy.send(ref, message_event(task_pb2.ROLE_ASSISTANT, b"[]"))
    copy.stream.cancel()
    held.last_sequence += wrote_alone
    assert [each.verdict for each in (await one.open([held])).verdicts] == [runner_pb2.VERDICT_FORGET]
    assert (await person.task(task.task_id)).failure_reason == task_pb2.FAILURE_REASON_RUNNER_LOST


async def test_two_processes_that_have_the_same_lose_nothing_while_none_tells_more(running: Stack) -> None:
    await new_task(running)
    one, copy = running.runner("one"), running.runner("copy")
    async with one:
        ref = (await one.take()).attempt
        await one.send(ref, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING))
    held = runner_pb2.HeldAttempt(attempt=ref, last_sequence=1)
    for process in (copy, one, copy):
        assert [each.verdict for each in (await process.open([held])).verdicts] == [runner_pb2.VERDICT_KEEP]


async def test_two_processes_that_fight_over_a_runner_are_refused_for_a_while(tmp_path: Path) -> None:
    clock = MovedClock()
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(tmp_path / "data", github, beat_s=5.0, clock=clock) as running:
            _, _ = await new_task(running)
            one, other = running.runner("one"), running.runner("other")
            for runner in (one, other, one):
                await runner.open()
            async with other:
                ref = (await other.take()).attempt
                refused = await refusal_of(one)
                assert refused.reason == "RUNNER_QUARANTINED"
                assert refused.retry_after is not None
                assert timedelta(seconds=290) < refused.retry_after <= timedelta(seconds=300)
                assert "two processes act as the runner local" in refused.message
                assert (await refusal_of(other)).reason == "RUNNER_QUARANTINED"
                assert (await other.beat(ref)).directives.verdicts == []

                person = await running.sign_in()
                second = await person.create((await person.add_project()).project_id)
                watch = person.watch(second.task_id)
                while "in quarantine" not in (await watch.next()).event.body.task_status_changed.status_reason:
                    continue
                watch.cancel()

        async with stack(tmp_path / "data", github, beat_s=5.0, clock=clock) as restarted:
            assert (await refusal_of(restarted.runner("one"))).reason == "RUNNER_QUARANTINED"
            clock.ahead_s += 300
            await restarted.runner("one").open()


async def test_every_answer_says_what_is_to_stop(running: Stack) -> None:
    person, task = await new_task(running)
    other = await person.create(task.project_id)
    async with running.runner() as runner:
        taken = {}
        for _ in range(2):
            assignment = await runner.take()
            taken[assignment.task.task_id] = assignment.attempt
        stopped, goes_on = taken[task.task_id], taken[other.task_id]
        await runner.beat(stopped, goes_on)
        await person.stop(task.task_id)
        accept = dispatch.AcceptAttemptsRequest(session_id=runner.session_id, attempts=[goes_on])
        accepted = await runner.stub.AcceptAttempts(accept, metadata=runner.metadata, timeout=DEADLINE_S)
        outcome = runner_pb2.AttemptOutcome(attempt=goes_on, phase=task_pb2.ATTEMPT_PHASE_SUCCEEDED)
        finish = dispatch.FinishAttemptsRequest(session_id=runner.session_id, outcomes=[outcome])
        finished = await runner.stub.FinishAttempts(finish, metadata=runner.metadata, timeout=DEADLINE_S)
        for answer in (accepted, await runner.send_request(), finished, await runner.beat()):
            (verdict,) = answer.directives.verdicts
            assert (verdict.attempt, verdict.verdict) == (stopped, runner_pb2.VERDICT_STOP)
            assert not answer.directives.HasField("pace")
        beaten = (await runner.beat(stopped, goes_on)).directives.verdicts
        assert [(each.attempt, each.verdict) for each in beaten] == [
            (stopped, runner_pb2.VERDICT_STOP),
            (goes_on, runner_pb2.VERDICT_FORGET),
        ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nonce": ""}, "nonce has 0 characters"),
        ({"nonce": "n" * 129}, "nonce has 129 characters"),
        ({"slots": 1001}, "slots is 1001"),
        ({"labels": {"gpu": ""}}, '"gpu=" is no label'),
        ({"labels": {f"k{number}": "v" for number in range(33)}}, "33 labels"),
    ],
)
async def test_a_session_that_breaks_a_rule_is_refused_and_changes_nothing(
    running: Stack, change: dict[str, object], words: str
) -> None:
    async with running.runner() as runner:
        right = {"nonce": "another", "slots": 2, "labels": {"model-key": "yes"}}
        request = dispatch.OpenSessionRequest(**{**right, **change})  # type: ignore[arg-type]
        error = await refusal(runner.stub.OpenSession(request, metadata=runner.metadata, timeout=DEADLINE_S))
        assert error.reason == "INVALID"
        assert words in error.message
        assert await runner.beat_error() == ""
