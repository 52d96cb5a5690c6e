"""What runners tell over their stream: stored, answered by attempt, and followed."""

import asyncio

import pytest
from structlog.testing import capture_logs

from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import event_pb2, runner_pb2, task_pb2
from tests.integration.scheduling import (
    DEADLINE_S,
    Stack,
    inputs_event,
    message_event,
    new_task,
    phase_event,
    tool_events,
)

QUIET = [
    event_pb2.EventBody(log_gap=event_pb2.LogGap(tool_call_id="toolu_1", dropped_bytes=1 << 40)),
    event_pb2.EventBody(
        sandbox_limit_hit=event_pb2.SandboxLimitHit(
            limit=event_pb2.SANDBOX_LIMIT_MEMORY, tool_call_id="toolu_1", summary="the command was killed"
        )
    ),
    event_pb2.EventBody(attempt_frozen=event_pb2.AttemptFrozen()),
    event_pb2.EventBody(attempt_thawed=event_pb2.AttemptThawed()),
    event_pb2.EventBody(sandbox_adopted=event_pb2.SandboxAdopted(sandbox_id="sbx_1")),
    event_pb2.EventBody(engine_away=event_pb2.EngineAway(reason="no answer")),
    event_pb2.EventBody(checkpoint_failed=event_pb2.CheckpointFailed(reason="the git host is away")),
    event_pb2.EventBody(workspace_restored=event_pb2.WorkspaceRestored(commit="c" * 40)),
    event_pb2.EventBody(branch_moved=event_pb2.BranchMoved(branch="errand/tsk_1", behind_count=2)),
    event_pb2.EventBody(git_delayed=event_pb2.GitDelayed(reason="a NUL \x00, \u2028 and \U0001f600")),
]
FORGED = [
    event_pb2.EventBody(task_status_changed=event_pb2.TaskStatusChanged(status_reason="ha")),
    event_pb2.EventBody(input_added=event_pb2.InputAdded(input_id="inp_1")),
    event_pb2.EventBody(input_changed=event_pb2.InputChanged(input_id="inp_1")),
    event_pb2.EventBody(task_retried=event_pb2.TaskRetried()),
    event_pb2.EventBody(pull_request_opened=event_pb2.PullRequestOpened(number=1)),
]


def event(body: event_pb2.EventBody, sequence: int = 0) -> runner_pb2.AttemptEvent:
    return runner_pb2.AttemptEvent(body=body, sequence=sequence)


def waiting(**fields: object) -> runner_pb2.AttemptEvent:
    return event(event_pb2.EventBody(wait_started=event_pb2.WaitStarted(**fields)))  # type: ignore[arg-type]


async def test_facts_that_do_nothing_are_told_as_they_came(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        assert (await runner.send(ref, *map(event, QUIET))).error_reason == ""
    stored = [each.body for each in await person.events(task.task_id)]
    assert stored[-len(QUIET) :] == QUIET


@pytest.mark.parametrize("body", FORGED, ids=lambda body: body.WhichOneof("kind"))
async def test_what_only_the_scheduler_says_is_refused_from_a_runner(running: Stack, body: event_pb2.EventBody) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        refused = await runner.send(ref, event(QUIET[0]), event(body))
        assert (refused.acked_sequence, refused.error_reason) == (0, "INVALID")
        assert "only the scheduler says" in refused.error_message
    assert QUIET[0] not in [each.body for each in await person.events(task.task_id)]


async def test_a_wait_is_shown_while_it_lasts(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        assignment = await runner.take()
        ref = assignment.attempt
        await runner.send(ref, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING), inputs_event(assignment))
        started = waiting(reason=task_pb2.WAIT_REASON_QUOTA, summary="come back later")
        started.body.wait_started.resume_duration.FromSeconds(60)
        assert (await runner.send(ref, started)).error_reason == ""
        shown = await person.task(task.task_id)
        assert (shown.status, shown.wait_reason) == (task_pb2.TASK_STATUS_WAITING, task_pb2.WAIT_REASON_QUOTA)
        assert shown.status_reason == "come back later"
        assert shown.HasField("resume_time")
        ended = event(event_pb2.EventBody(wait_ended=event_pb2.WaitEnded()))
        assert (await runner.send(ref, ended)).error_reason == ""
        shown = await person.task(task.task_id)
        assert (shown.status, shown.wait_reason) == (task_pb2.TASK_STATUS_RUNNING, 0)
        assert not shown.HasField("resume_time")


async def test_a_wait_says_for_what(running: Stack) -> None:
    await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        assert (await runner.send(ref, waiting(summary="?"))).error_reason == "INVALID"


async def test_content_comes_whole_with_its_event_up_to_a_bound_or_as_a_blob_but_not_both(running: Stack) -> None:
    await new_task(running)
    most = 1024 * 1024
    blob = task_pb2.Blob(sha256="a" * 64, size_bytes=5)

    def said(content: bytes, content_blob: task_pb2.Blob | None = None) -> runner_pb2.AttemptEvent:
        event = message_event(task_pb2.ROLE_USER, content)
        event.message.MergeFrom(task_pb2.Message(content_blob=content_blob))
        return event

    def ran(**fields: object) -> runner_pb2.AttemptEvent:
        event = tool_events("toolu_1")[1]
        call = task_pb2.ToolCall(tool_call_id="toolu_1", tool_name="shell", **fields)  # type: ignore[arg-type]
        event.tool_call.CopyFrom(call)
        return event

    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        for wrong in (
            said(bytes(most + 1)),
            said(b"[]", content_blob=blob),
            ran(input=bytes(most + 1)),
            ran(input=b"{}", input_blob=blob),
            ran(output=bytes(most + 1)),
            ran(output=b"[]", output_blob=blob),
        ):
            wrong.sequence = 1
            assert (await runner.send_as_is(ref, wrong)).error_reason == "INVALID"
        assert (await runner.send(ref, said(bytes(most)), ran(input=bytes(most)))).error_reason == ""


async def test_events_that_break_the_scheduler_hurt_only_their_attempt(running: Stack) -> None:
    person, first = await new_task(running)
    await person.create(first.project_id)
    async with running.runner() as runner:
        good, bad = (await runner.take()).attempt, (await runner.take()).attempt
        await runner.send(bad, event(QUIET[0]))
        # More than a column holds.
        priced = [
            message_event(task_pb2.ROLE_ASSISTANT, b"[]", task_pb2.Usage(input_tokens=(1 << 63) - 1)) for _ in range(2)
        ]
        for sequence, each in enumerate(priced, start=2):
            each.sequence = sequence
        answer = await runner.send_request(
            batches=[
                dispatch.AttemptBatch(attempt=bad, events=priced),
                dispatch.AttemptBatch(attempt=good, events=[event(QUIET[0], sequence=1)]),
            ]
        )
        assert [(each.attempt_id, each.acked_sequence, each.error_reason) for each in answer.acks] == [
            (bad.attempt_id, 1, "INTERNAL"),
            (good.attempt_id, 1, ""),
        ]
        assert "request id req_" in answer.acks[0].error_message
        assert (await runner.send_as_is(good, event(QUIET[1], sequence=2))).acked_sequence == 2
        assert (await runner.send_as_is(bad, event(QUIET[1], sequence=2))).acked_sequence == 2


async def test_several_requests_are_under_way_at_once_and_answered_in_order(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        for number in range(1, 21):
            batch = dispatch.AttemptBatch(attempt=ref, events=[event(QUIET[0], sequence=number)])
            await runner.stream.write(
                dispatch.StreamEventsRequest(session_id=runner.session_id, batch_number=number, batches=[batch])
            )
        for number in range(1, 21):
            async with asyncio.timeout(DEADLINE_S):
                answer = await runner.stream.read()
            assert isinstance(answer, dispatch.StreamEventsResponse)
            assert (answer.batch_number, answer.acks[0].acked_sequence) == (number, number)
    stored = [each.body for each in await person.events(task.task_id)]
    assert stored.count(QUIET[0]) == 20


async def test_a_stop_reaches_a_runner_with_the_next_ack(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        assert not (await runner.send_request()).directives.verdicts
        await person.stop(task.task_id)
        [told] = (await runner.send_request()).directives.verdicts
        assert (told.attempt, told.verdict) == (ref, runner_pb2.VERDICT_STOP)


async def test_events_that_come_again_as_others_are_noted_and_change_nothing(running: Stack) -> None:
    person, task = await new_task(running)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        await runner.send_as_is(ref, event(QUIET[0], sequence=1), event(QUIET[1], sequence=2))
        with capture_logs() as logs:
            answer = await runner.send_as_is(ref, event(QUIET[0], sequence=1), event(QUIET[3], sequence=2))
        assert (answer.acked_sequence, answer.error_reason) == (2, "")
    noted = [each for each in logs if each["event"] == "events_differ"]
    assert [(each["attempt_id"], each["first_sequence"], each["count"]) for each in noted] == [(ref.attempt_id, 2, 1)]
    stored = [each.body for each in await person.events(task.task_id)]
    assert (stored.count(QUIET[1]), stored.count(QUIET[3])) == (1, 0)
