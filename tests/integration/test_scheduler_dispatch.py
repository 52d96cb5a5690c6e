"""What runners may rely on: sessions, offers, events and leases."""

from pathlib import Path

from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import event_pb2, runner_pb2, task_pb2
from tests.integration.refused import refusal
from tests.integration.scheduling import (
    Stack,
    github_with_repository,
    message_event,
    new_task,
    phase_event,
    stack,
)

BEAT_S = 0.5


async def test_an_offer_that_nobody_accepts_is_made_again(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        first = (await runner.next_assignment()).attempt
        async with runner.beating():
            second = (await runner.next_assignment()).attempt
        assert second.fence > first.fence
        assert (await runner.accept(first)).error_reason == "LEASE_SUPERSEDED"
        assert (await runner.accept(second)).error_reason == ""
    assert (await person.task(task.task_id)).status == task_pb2.TASK_STATUS_RUNNING


async def test_no_runner_gets_more_than_its_slots(running: Stack) -> None:
    person, first = await new_task(running)
    second = await person.create(first.project_id)
    async with running.runner(slots=1) as runner:
        taken = await runner.take()
        assert taken.task.task_id == first.task_id
        watch = person.watch(second.task_id)
        async with runner.beating(taken.attempt):
            while (await watch.next()).event.body.task_status_changed.status_reason != "every runner is busy":
                continue
            watch.cancel()
            await runner.finish(taken.attempt)
            assert (await runner.next_assignment()).task.task_id == second.task_id


async def test_the_last_session_wins(running: Stack) -> None:
    _, _ = await new_task(running)
    async with running.runner("old") as old:
        ref = (await old.take()).attempt
        young = running.runner("young")
        answer = await young.open([runner_pb2.HeldAttempt(attempt=ref)])
        assert [each.verdict for each in answer.verdicts] == [runner_pb2.VERDICT_KEEP]
        assert await old.beat_error(ref) == "SESSION_SUPERSEDED"
        assert (await refusal(old.rest_of_watch())).reason == "SESSION_SUPERSEDED"
        assert (await young.beat(ref)).directives.verdicts == []


async def test_a_runner_that_comes_back_empty_handed_lets_the_task_begin_anew(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner("old") as old:
        first = (await old.take()).attempt
    async with running.runner("young") as young:
        second = await young.take()
        assert second.task.task_id == task.task_id
        assert second.attempt.fence > first.fence
        await young.send(second.attempt, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING))
    await running.runner("third").open()
    failed = await person.task(task.task_id)
    assert failed.failure_reason == task_pb2.FAILURE_REASON_RUNNER_LOST


async def test_gaps_overlaps_and_late_events_are_answered_by_attempt(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        one, two, three = (phase_event(task_pb2.ATTEMPT_PHASE_RUNNING) for _ in range(3))
        for sequence, event in enumerate((one, two, three), start=1):
            event.sequence = sequence
        gap = await runner.send_as_is(ref, two)
        assert (gap.acked_sequence, gap.error_reason) == (0, "EVENT_GAP")
        assert (await runner.send_as_is(ref, one, two)).acked_sequence == 2
        overlap = await runner.send_as_is(ref, one, two, three)
        assert (overlap.acked_sequence, overlap.error_reason) == (3, "")
        assert (await runner.finish(ref, last_sequence=4)).error_reason == "EVENT_GAP"
        assert (await runner.finish(ref, last_sequence=3)).error_reason == ""
        late = phase_event(task_pb2.ATTEMPT_PHASE_RUNNING)
        late.sequence = 4
        answer = await runner.send_as_is(ref, late)
        assert (answer.acked_sequence, answer.error_reason) == (3, "LEASE_SUPERSEDED")
    reported = [each for each in await person.events(task.task_id) if each.body.attempt_phase_changed.phase == 4]
    assert len(reported) == 3


async def test_a_batch_that_breaks_a_rule_hurts_only_its_attempt(running: Stack) -> None:
    person, first = await new_task(running)
    await person.create(first.project_id)
    async with running.runner() as runner:
        good, bad = (await runner.take()).attempt, (await runner.take()).attempt
        fine = phase_event(task_pb2.ATTEMPT_PHASE_RUNNING)
        forged = runner_pb2.AttemptEvent(
            body=event_pb2.EventBody(task_status_changed=event_pb2.TaskStatusChanged(status_reason="ha"))
        )
        final = phase_event(task_pb2.ATTEMPT_PHASE_SUCCEEDED)
        nameless = message_event(task_pb2.ROLE_USER, b"[]")
        nameless.message.message_id = "m"
        large = message_event(task_pb2.ROLE_USER, b"x" * (1024 * 1024 + 1))
        for wrong in (forged, final, nameless, large):
            fine.sequence = wrong.sequence = 1
            answer = await runner.send_request(
                batches=[
                    dispatch.AttemptBatch(attempt=bad, events=[wrong]),
                    dispatch.AttemptBatch(attempt=good, events=[fine]),
                ]
            )
            assert [(each.attempt_id, each.acked_sequence, each.error_reason) for each in answer.acks] == [
                (bad.attempt_id, 0, "INVALID"),
                (good.attempt_id, 1, ""),
            ]


async def test_a_kind_of_event_from_the_future_is_kept(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        body = event_pb2.EventBody.FromString(b"\xfa\x07\x02hi")
        assert (await runner.send(ref, runner_pb2.AttemptEvent(body=body))).error_reason == ""
        await runner.finish(ref)
    bodies = [each.body.SerializeToString() for each in await person.events(task.task_id)]
    assert b"\xfa\x07\x02hi" in bodies


async def test_nothing_is_lent_without_a_lease_that_was_renewed_lately(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        watch = person.watch(task.task_id)
        while "not heard of" not in (await watch.next()).event.body.task_status_changed.status_reason:
            continue
        watch.cancel()
        assert (await refusal(runner.lend(ref))).reason == "UNAVAILABLE"
        await runner.beat(ref)
        await runner.lend(ref)
        another = runner_pb2.AttemptRef(attempt_id=ref.attempt_id, fence=ref.fence + 1)
        assert (await refusal(runner.lend(another))).reason == "LEASE_SUPERSEDED"


async def test_a_users_revoked_token_is_waited_for_until_they_sign_in_again(running: Stack) -> None:
    await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        for token in running.github.tokens_issued():
            running.github.revoke_token(token)
        request = dispatch.LendCredentialRequest(session_id=runner.session_id, attempt=ref, refresh=True)
        refused = await refusal(runner.stub.LendCredential(request, metadata=runner.metadata))
        assert (refused.reason, "sign in again" in refused.message) == ("UNAVAILABLE", True)
        await running.sign_in()
        assert (await runner.lend(ref)).password == running.github.tokens_issued()[-1]


async def test_a_task_waits_while_github_is_away_and_says_so(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(tmp_path / "data", github, beat_s=0.1) as before:
            person = await before.sign_in()
            project = await person.add_project()
        async with stack(tmp_path / "data", github, beat_s=0.1) as running, running.runner() as runner:
            person = running.again(person)
            github.outage(True)
            task = await person.create(project.project_id)
            watch = person.watch(task.task_id)
            while "GitHub" not in (await watch.next()).event.body.task_status_changed.status_reason:
                continue
            watch.cancel()
            github.outage(False)
            async with runner.beating():
                assert (await runner.next_assignment()).task.task_id == task.task_id


async def test_a_task_whose_user_may_no_longer_push_fails(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(tmp_path / "data", github) as before:
            person = await before.sign_in()
            project = await person.add_project()
        github.grant("octocat", "octocat/demo", "read")
        async with stack(tmp_path / "data", github) as running, running.runner() as runner:
            person = running.again(person)
            task = await person.create(project.project_id)
            failed = await person.until_status(task.task_id, task_pb2.TASK_STATUS_FAILED)
            assert failed.failure_reason == task_pb2.FAILURE_REASON_REPOSITORY
            assert "may not push" in failed.status_reason
            assert list(runner.snapshot.assignments) == []


async def test_many_long_inputs_come_a_message_at_a_time(running: Stack) -> None:
    person, task = await new_task(running)
    for _ in range(40):
        await person.add_input(task.task_id, "x" * 64 * 1024)
    async with running.runner() as runner:
        assignment = await runner.next_assignment()

    assert assignment.inputs[0].text == task.prompt
    assert sum(len(each.text) for each in assignment.inputs) <= 128 * 1024
