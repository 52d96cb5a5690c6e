"""An errand's whole way through the scheduler, over TLS, with a scripted runner."""

from pathlib import Path

import pytest

from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import event_pb2, runner_pb2, task_pb2, task_service_pb2
from tests.integration.refused import refusal
from tests.integration.scheduling import (
    DEADLINE_S,
    REPOSITORY,
    Stack,
    github_with_repository,
    inputs_event,
    message_event,
    phase_event,
    settings,
    stack,
    tool_events,
)


async def test_an_errand_goes_from_prompt_to_record(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    task = await person.create(project.project_id, "make the failing test pass")
    assert task.status == task_pb2.TASK_STATUS_PENDING
    assert task.status_reason
    assert task.branch == f"errand/{task.task_id}"

    async with running.runner() as runner:
        assignment = await runner.take()
        ref = assignment.attempt
        assert assignment.desired_state == runner_pb2.DESIRED_STATE_RUN
        assert assignment.project == project
        assert [each.text for each in assignment.inputs] == ["make the failing test pass"]
        assert assignment.queue_duration.ToTimedelta().total_seconds() < DEADLINE_S

        sandbox = event_pb2.EventBody(sandbox_opened=event_pb2.SandboxOpened(sandbox_id="sbx_1", container_id="c0ffee"))
        pushed = event_pb2.EventBody(
            branch_pushed=event_pb2.BranchPushed(
                branch=task.branch, commit="a" * 40, diff_stat=task_pb2.DiffStat(files=1, insertions=2, deletions=3)
            )
        )
        usage = task_pb2.Usage(input_tokens=10, cache_read_tokens=5, output_tokens=7, cost_nanodollars=1000)
        content = b'[{"type": "text",  "text": "h\\u00e9llo"}]'
        ack = await runner.send(
            ref,
            phase_event(task_pb2.ATTEMPT_PHASE_STARTING),
            runner_pb2.AttemptEvent(body=sandbox),
            phase_event(task_pb2.ATTEMPT_PHASE_RUNNING),
            message_event(task_pb2.ROLE_USER, b'[{"type":"text","text":"make the failing test pass"}]'),
            message_event(task_pb2.ROLE_ASSISTANT, content, usage),
            *tool_events("toolu_1"),
            message_event(task_pb2.ROLE_ASSISTANT, b"[]", usage),
            runner_pb2.AttemptEvent(body=pushed),
        )
        assert (ack.acked_sequence, ack.error_reason) == (9, "")
        assert (await runner.finish(ref)).error_reason == ""

    done = await person.task(task.task_id)
    assert done.status == task_pb2.TASK_STATUS_COMPLETED
    assert done.container_id == "c0ffee"
    assert done.usage == task_pb2.Usage(input_tokens=20, cache_read_tokens=10, output_tokens=14, cost_nanodollars=2000)
    assert done.diff_stat == task_pb2.DiffStat(files=1, insertions=2, deletions=3)
    assert done.HasField("started_time")
    assert done.HasField("completed_time")

    messages = await person.tasks.ListMessages(
        task_service_pb2.ListMessagesRequest(task_id=task.task_id), metadata=person.metadata
    )
    assert [each.role for each in messages.messages] == [1, 2, 2]
    assert messages.messages[1].content == content
    calls = await person.tasks.ListToolCalls(
        task_service_pb2.ListToolCallsRequest(task_id=task.task_id), metadata=person.metadata
    )
    assert [(each.tool_name, each.output) for each in calls.tool_calls] == [("shell", b'"a b"')]
    assert calls.tool_calls[0].duration.ToMilliseconds() == 1500

    assert await person.statuses(task.task_id) == [
        task_pb2.TASK_STATUS_PENDING,
        task_pb2.TASK_STATUS_RUNNING,
        task_pb2.TASK_STATUS_COMPLETED,
    ]
    phases = [
        each.body.attempt_phase_changed.phase
        for each in await person.events(task.task_id)
        if each.body.WhichOneof("kind") == "attempt_phase_changed"
    ]
    assert phases == [1, 2, 3, 4, 10]


async def test_the_next_attempt_is_told_where_the_work_lies(running: Stack) -> None:
    person = await running.sign_in()
    task = await person.create((await person.add_project()).project_id)
    async with running.runner() as runner:
        first = await runner.take()
        assert (first.task.head_commit, first.task.checkpoint_commit) == ("", "")
        told = [
            event_pb2.EventBody(checkpoint_saved=event_pb2.CheckpointSaved(commit="c" * 40, head_commit="a" * 40)),
            event_pb2.EventBody(branch_pushed=event_pb2.BranchPushed(branch=task.branch, commit="b" * 40)),
            event_pb2.EventBody(checkpoint_saved=event_pb2.CheckpointSaved(commit="d" * 64, head_commit="b" * 64)),
        ]
        await runner.send(first.attempt, inputs_event(first), *(runner_pb2.AttemptEvent(body=body) for body in told))
        await runner.finish(first.attempt)
        await person.add_input(task.task_id, "go on")
        second = await runner.take()
    assert (second.task.head_commit, second.task.checkpoint_commit) == ("b" * 40, "d" * 64)


@pytest.mark.parametrize("name", ["", "a" * 39, "A" * 40, "main", "a" * 40 + "\n"])
async def test_a_checkpoint_that_is_no_commit_is_refused(running: Stack, name: str) -> None:
    person = await running.sign_in()
    task = await person.create((await person.add_project()).project_id)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        saved = event_pb2.EventBody(checkpoint_saved=event_pb2.CheckpointSaved(commit=name))
        refused = await runner.send(ref, runner_pb2.AttemptEvent(body=saved))
    assert (refused.acked_sequence, refused.error_reason) == (0, "INVALID")
    assert (await person.task(task.task_id)).checkpoint_commit == ""


async def test_a_follow_up_goes_on_with_the_same_conversation(running: Stack) -> None:
    person = await running.sign_in()
    task = await person.create((await person.add_project()).project_id)
    async with running.runner() as runner:
        first = await runner.take()
        prefix = runner_pb2.AttemptEvent(
            body=event_pb2.EventBody(prefix_frozen=event_pb2.PrefixFrozen(model="model")), prefix=b"\x00fixed"
        )
        started, _ = tool_events("toolu_open")
        await runner.send(
            first.attempt,
            prefix,
            inputs_event(first),
            message_event(task_pb2.ROLE_USER, b"[1]"),
            message_event(task_pb2.ROLE_ASSISTANT, b"[2]", task_pb2.Usage(output_tokens=1)),
            started,
        )
        await runner.finish(
            first.attempt, task_pb2.ATTEMPT_PHASE_FAILED, failure=task_pb2.FAILURE_REASON_PUSH, reason="no way"
        )
        failed = await person.task(task.task_id)
        assert (failed.status, failed.status_reason) == (task_pb2.TASK_STATUS_FAILED, "no way")
        assert not failed.usage.HasField("cost_nanodollars")

        added = await person.add_input(task.task_id, "try again")
        assert added.task.status == task_pb2.TASK_STATUS_PENDING
        assert not added.task.HasField("completed_time")
        second = await runner.take()
        assert second.attempt.fence > first.attempt.fence
        assert [each.text for each in second.inputs] == ["try again"]

        request = dispatch.GetTranscriptRequest(session_id=runner.session_id, attempt=second.attempt)
        pieces = [piece async for piece in runner.stub.GetTranscript(request, metadata=runner.metadata)]
        told, *pieces = pieces
        assert told.WhichOneof("item") == "spent"
        assert pieces[0].prefix == b"\x00fixed"
        assert [piece.message.content for piece in pieces[1:4]] == [b"[]", b"[1]", b"[2]"]
        assert pieces[4].tool_call.tool_call_id == "toolu_open"
        assert len(pieces) == 5
        await runner.finish(second.attempt)
    assert (await person.task(task.task_id)).status == task_pb2.TASK_STATUS_COMPLETED


async def test_an_input_to_a_running_task_is_taken_up_by_a_new_attempt(running: Stack) -> None:
    person = await running.sign_in()
    task = await person.create((await person.add_project()).project_id)
    async with running.runner() as runner:
        first = await runner.take()
        added = await person.add_input(task.task_id, "and the docs")
        assert added.task.status == task_pb2.TASK_STATUS_RUNNING
        assert not added.input.taken
        await runner.send(first.attempt, inputs_event(first))
        await runner.finish(first.attempt)
        second = await runner.take()
        assert [each.text for each in second.inputs] == ["and the docs"]
        await runner.send(second.attempt, inputs_event(second))
        await runner.finish(second.attempt)
    assert (await person.task(task.task_id)).status == task_pb2.TASK_STATUS_COMPLETED


async def test_a_prompt_that_never_reached_the_model_is_the_next_attempts(running: Stack) -> None:
    person = await running.sign_in()
    task = await person.create((await person.add_project()).project_id, "the prompt")
    async with running.runner() as runner:
        first = await runner.take()
        await runner.finish(
            first.attempt, task_pb2.ATTEMPT_PHASE_FAILED, failure=task_pb2.FAILURE_REASON_CLONE, reason="gone"
        )
        await person.add_input(task.task_id, "try again")
        second = await runner.take()
        assert [each.text for each in second.inputs] == ["the prompt", "try again"]


async def test_a_pull_request_is_opened_as_the_user_and_told_once(running: Stack) -> None:
    person = await running.sign_in()
    task = await person.create((await person.add_project()).project_id)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        lent = await runner.stub.LendCredential(
            dispatch.LendCredentialRequest(session_id=runner.session_id, attempt=ref), metadata=runner.metadata
        )
        assert lent.username == "x-access-token"
        assert lent.password in running.github.tokens_issued()
        await running.push(task.branch)
        request = dispatch.OpenPullRequestRequest(
            session_id=runner.session_id, attempt=ref, title="Green", body="Now it is."
        )
        first = await runner.stub.OpenPullRequest(request, metadata=runner.metadata)
        again = await runner.stub.OpenPullRequest(request, metadata=runner.metadata)
        assert first == again
        await runner.finish(ref)
    assert [pull.head for pull in running.github.pull_requests(REPOSITORY)] == [task.branch]
    assert (await person.task(task.task_id)).pull_request_url == first.url
    kinds = [each.body.WhichOneof("kind") for each in await person.events(task.task_id)]
    assert kinds.count("pull_request_opened") == 1


async def test_what_the_git_host_refused_is_not_lent_again(running: Stack) -> None:
    person = await running.sign_in()
    await person.create((await person.add_project()).project_id)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        lent = await runner.lend(ref)
        assert lent == await runner.lend(ref, refused_lent_id="another")
        assert lent.password not in lent.lent_id
        assert (await refusal(runner.lend(ref, refused_lent_id=lent.lent_id))).reason == "NO_PUSH_RIGHT"
        await running.sign_in()
        fresh = await runner.lend(ref, refused_lent_id=lent.lent_id)
        assert (fresh.lent_id, fresh.password) != (lent.lent_id, lent.password)
        await runner.finish(ref)


@pytest.mark.parametrize(("scopes", "told"), [(("repo",), True), (("repo", "workflow"), False)])
async def test_a_token_that_may_not_push_workflows_is_told_of(
    running: Stack, scopes: tuple[str, ...], told: bool
) -> None:
    person = await running.sign_in(scopes=scopes)
    task = await person.create((await person.add_project()).project_id)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        await runner.lend(ref)
        assert any(each.body.HasField("push_limited") for each in await person.events(task.task_id)) is told
        await runner.finish(ref)


async def test_nothing_is_lent_for_a_repository_that_is_not_the_projects(running: Stack) -> None:
    person = await running.sign_in()
    await person.create((await person.add_project()).project_id)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        assert (await runner.lend(ref, repository=REPOSITORY)).password
        assert (await refusal(runner.lend(ref, repository="octocat/another"))).reason == "DENIED"
        await runner.finish(ref)


async def test_deltas_reach_watchers_and_are_not_kept(running: Stack) -> None:
    person = await running.sign_in()
    task = await person.create((await person.add_project()).project_id)
    async with running.runner() as runner:
        ref = (await runner.take()).attempt
        watch = person.watch(task.task_id)
        await watch.until_caught_up()
        delta = event_pb2.Delta(task_id=task.task_id, subject_id="msg_1", kind=event_pb2.DELTA_KIND_TEXT, text="hel")
        await runner.send_request(deltas=[delta])
        seen = await watch.next()
        assert seen.delta == delta
        watch.cancel()
        await runner.finish(ref)


async def test_a_page_of_tasks_with_long_prompts_ends_early(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    created = [(await person.create(project.project_id, "x" * 64 * 1024)).task_id for _ in range(18)]
    found: list[str] = []
    page_sizes = []
    request = task_service_pb2.ListTasksRequest(page_size=17)
    while True:
        page = await person.tasks.ListTasks(request, metadata=person.metadata, timeout=DEADLINE_S)
        page_sizes.append(page.ByteSize())
        found += [task.task_id for task in page.tasks]
        if not page.next_page_token:
            break
        request = task_service_pb2.ListTasksRequest(page_size=17, page_token=page.next_page_token)
    assert sorted(found) == sorted(created)
    assert len(page_sizes) == 2
    assert max(page_sizes) <= 1024 * 1024


async def test_a_person_has_so_many_pending_tasks_and_no_more(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        wanted = settings(tmp_path / "data", github, ERRAND_MAX_PENDING_PER_USER="2")
        async with stack(tmp_path / "data", github, wanted=wanted) as running:
            person = await running.sign_in()
            project = await person.add_project()
            first = await person.create(project.project_id, request_id="first")
            await person.create(project.project_id)
            error = await refusal(person.create(project.project_id))
            assert (error.reason, error.retry_after is not None) == ("EXHAUSTED", True)
            again = await person.create(project.project_id, request_id="first")
            assert again.task_id == first.task_id
