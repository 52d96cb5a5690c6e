"""Who gets a runner, who waits, and what those are told who wait."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from errand.v1 import task_pb2, task_service_pb2
from tests.integration.refused import refusal
from tests.integration.scheduling import (
    DEADLINE_S,
    Person,
    Stack,
    github_with_repository,
    new_task,
    phase_event,
    settings,
    stack,
)

LIMIT = "you have 1 task running, the most that this Errand runs for one person"


async def explained(person: Person, task_id: str) -> task_service_pb2.ExplainPendingResponse:
    request = task_service_pb2.ExplainPendingRequest(task_id=task_id)
    return await person.tasks.ExplainPending(request, metadata=person.metadata, timeout=DEADLINE_S)


async def obstacles(person: Person, task_id: str) -> dict[str, str]:
    return {each.runner: each.reason for each in (await explained(person, task_id)).runners}


async def until_told(person: Person, task_id: str, words: str) -> None:
    """Follows the task until its reason holds these words."""
    watch = person.watch(task_id)
    while words not in (await watch.next()).event.body.task_status_changed.status_reason:
        continue
    watch.cancel()


async def create(person: Person, project_id: str, labels: Mapping[str, str]) -> task_pb2.Task:
    request = task_service_pb2.CreateTaskRequest(project_id=project_id, prompt="go", required_labels=labels)
    return (await person.tasks.CreateTask(request, metadata=person.metadata, timeout=DEADLINE_S)).task


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Stack]:
    """Two runner hosts, two people, and one task at once for each."""
    async with github_with_repository(tmp_path / "github") as github:
        github.grant("hubot", "octocat/demo", "push")
        wanted = settings(
            tmp_path / "data",
            github,
            beat_s=1.0,
            ERRAND_RUNNERS="big,small",
            ERRAND_MAX_RUNNING_PER_USER="1",
        )
        async with stack(tmp_path / "data", github, wanted=wanted) as running:
            yield running


async def test_one_person_has_so_many_at_work_and_others_go_on(shared: Stack) -> None:
    ann, first = await new_task(shared)
    second = await ann.create(first.project_id)
    bob = await shared.sign_in("hubot")
    third = await bob.create((await bob.add_project()).project_id)
    async with shared.runner_of("big", slots=5) as runner:
        taken = {}
        for _ in range(2):
            assignment = await runner.take()
            taken[assignment.task.task_id] = assignment.attempt
        assert sorted(taken) == sorted([first.task_id, third.task_id])
        async with runner.beating(*taken.values()):
            await until_told(ann, second.task_id, LIMIT)
            assert (await explained(ann, second.task_id)).reason == LIMIT
            await runner.finish(taken[first.task_id])
            assert (await runner.next_assignment()).task.task_id == second.task_id


async def test_a_task_goes_only_to_a_runner_with_its_labels_and_says_which_are_missing(shared: Stack) -> None:
    ann = await shared.sign_in()
    task = await create(ann, (await ann.add_project()).project_id, {"gpu": "yes"})
    async with shared.runner_of("big") as plain, plain.beating():
        await until_told(ann, task.task_id, "no runner has the labels gpu=yes")
        async with shared.runner_of("small", gpu="yes") as able, able.beating():
            assert (await able.next_assignment()).task.task_id == task.task_id
        assert list(plain.snapshot.assignments) == []


async def test_why_a_task_waits_is_explained_runner_by_runner(shared: Stack) -> None:
    ann, first = await new_task(shared)
    second = await create(ann, first.project_id, {"gpu": "yes"})
    third = await ann.create(first.project_id)
    before = await explained(ann, first.task_id)
    assert before.reason == "no runner is connected"
    assert {each.runner: each.reason for each in before.runners} == {
        "big": "is not connected",
        "small": "is not connected",
    }
    async with shared.runner_of("small", slots=1, gpu="no") as runner:
        taken = (await runner.take()).attempt
        async with runner.beating(taken):
            assert await obstacles(ann, second.task_id) == {
                "big": "is not connected",
                "small": "lacks the labels gpu=yes",
            }
            assert await obstacles(ann, third.task_id) == {"big": "is not connected", "small": "is busy"}
            assert [(await explained(ann, task.task_id)).ahead for task in (second, third)] == [0, 1]
            working = await explained(ann, first.task_id)
            assert (working.reason, list(working.runners), working.ahead) == ("it is being worked on", [], 0)
            await runner.finish(taken)
            while (done := await explained(ann, first.task_id)).reason != "it is completed":
                continue
            assert list(done.runners) == []


async def test_a_follow_up_is_explained_with_the_time_until_it_goes_elsewhere(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        wanted = settings(tmp_path / "data", github, beat_s=2.0, ERRAND_RUNNERS="big,small")
        async with stack(tmp_path / "data", github, wanted=wanted) as running:
            ann, task = await new_task(running)
            async with running.runner_of("big") as big:
                taken = (await big.take()).attempt
                await big.send(taken, phase_event(task_pb2.ATTEMPT_PHASE_RUNNING))
                await big.finish(taken)
            async with running.runner_of("small"):
                await ann.add_input(task.task_id, "more")
                await until_told(ann, task.task_id, "the runner that has its workspace is not connected; elsewhere")
                explanation = await explained(ann, task.task_id)
                assert "; elsewhere in " in explanation.reason
                assert {each.runner: each.reason for each in explanation.runners} == {
                    "big": "is not connected",
                    "small": "the task waits for the runner that has its workspace first",
                }


async def test_a_task_of_somebody_else_is_not_explained(shared: Stack) -> None:
    _, task = await new_task(shared)
    bob = await shared.sign_in("hubot")
    assert (await refusal(explained(bob, task.task_id))).reason == "NOT_FOUND"


async def test_a_task_that_a_host_could_not_begin_rests_then_goes_to_another(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        wanted = settings(tmp_path / "data", github, beat_s=0.4, ERRAND_RUNNERS="big,small")
        async with stack(tmp_path / "data", github, wanted=wanted) as running:
            ann, task = await new_task(running)
            async with running.runner_of("big", slots=9) as big:
                first = (await big.take()).attempt
                async with running.runner_of("small", slots=1) as small, big.beating(), small.beating():
                    await big.finish(
                        first,
                        task_pb2.ATTEMPT_PHASE_FAILED,
                        failure=task_pb2.FAILURE_REASON_DISK,
                        reason="the disk of big is full",
                    )
                    await until_told(ann, task.task_id, "trying again after 0.8 s; the last try failed: the disk of")
                    assert (await small.next_assignment()).task.task_id == task.task_id


async def test_a_host_on_which_nothing_begins_is_left_alone_and_named(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        wanted = settings(tmp_path / "data", github, beat_s=0.4)
        async with stack(tmp_path / "data", github, wanted=wanted) as running:
            ann, task = await new_task(running)
            for _ in range(2):
                await ann.create(task.project_id)
            async with running.runner(slots=3) as runner:
                taken = [(await runner.take()).attempt for _ in range(3)]
                async with runner.beating():
                    for ref in taken:
                        await runner.finish(
                            ref,
                            task_pb2.ATTEMPT_PHASE_FAILED,
                            failure=task_pb2.FAILURE_REASON_ENGINE,
                            reason="no Docker",
                        )
                    await until_told(ann, task.task_id, "local could not begin its last 3 tasks and rests for a while")
                    assert await obstacles(ann, task.task_id) == {
                        "local": "could not begin its last 3 tasks and rests for a while"
                    }
