"""What a task may spend is said by whoever creates it, else by its project, else by the scheduler's settings."""

import time
from pathlib import Path

import grpc
import pytest

from errand.v1 import account_service_pb2 as accounts
from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import task_pb2
from errand.v1 import task_service_pb2 as tasks
from errand_common.errors import from_rpc_error
from tests.integration.refused import refusal
from tests.integration.scheduling import Person, Stack, github_with_repository, settings, stack

DAY_S = 24 * 60 * 60


async def create(person: Person, project_id: str, allowance: task_pb2.Allowance | None = None) -> task_pb2.Task:
    request = tasks.CreateTaskRequest(project_id=project_id, prompt="go", allowance=allowance)
    return (await person.tasks.CreateTask(request, metadata=person.metadata)).task


async def test_a_task_has_its_own_its_projects_or_the_usual_allowance(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        usual = settings(tmp_path / "data", github, ERRAND_TASK_DOLLARS="2.5", ERRAND_TASK_MINUTES="60")
        async with stack(tmp_path / "data", github, wanted=usual) as running:
            person = await running.sign_in()
            project_id = (await person.add_project()).project_id
            first = await create(person, project_id)
            own = task_pb2.Allowance(requests=50)
            update = accounts.UpdateProjectRequest(project_id=project_id, allowance=own)
            changed = await person.accounts.UpdateProject(update, metadata=person.metadata)
            second = await create(person, project_id)
            third = await create(person, project_id, task_pb2.Allowance(tokens=1000))
            fourth = await create(person, project_id, task_pb2.Allowance())
            assert (await person.task(third.task_id)).allowance == third.allowance

    expected = task_pb2.Allowance(cost_nanodollars=2_500_000_000)
    expected.work_duration.FromSeconds(3600)
    assert first.allowance == expected
    assert changed.project.allowance == own
    expected.requests = 50
    assert second.allowance == expected
    assert third.allowance == task_pb2.Allowance(tokens=1000)
    assert fourth.allowance == task_pb2.Allowance()
    assert (fourth.spent.cost_nanodollars, fourth.spent.tokens, fourth.spent.requests) == (0, 0, 0)


async def test_an_allowance_out_of_bounds_is_refused_in_words(tmp_path: Path) -> None:
    long = task_pb2.Allowance()
    long.work_duration.FromSeconds(366 * DAY_S)
    wrongs = {
        "cost_nanodollars is -1; it must be 0 to 1000000000000000": task_pb2.Allowance(cost_nanodollars=-1),
        "tokens is 1000000000001": task_pb2.Allowance(tokens=10**12 + 1),
        "requests is -7": task_pb2.Allowance(requests=-7),
        "work_duration in microseconds is 31622400000000": long,
    }
    async with github_with_repository(tmp_path / "github") as github, stack(tmp_path / "data", github) as running:
        person = await running.sign_in()
        project_id = (await person.add_project()).project_id
        for words, wrong in wrongs.items():
            error = await refusal(create(person, project_id, wrong))
            assert (error.reason, words in error.message) == ("INVALID", True)
        assert (await create(person, project_id)).allowance == task_pb2.Allowance()


async def test_attempts_are_told_to_draw_of_a_day_and_get_what_there_is(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        limited = settings(tmp_path / "data", github, ERRAND_USER_DOLLARS_PER_DAY="0.5")
        async with stack(tmp_path / "data", github, wanted=limited) as running:
            person = await running.sign_in()
            await create(person, (await person.add_project()).project_id)
            async with running.runner() as runner:
                assignment = await runner.next_assignment()
                assert assignment.draws_money
                await runner.accept(assignment.attempt)

                async def draw(least: int, most: int) -> dispatch.DrawMoneyResponse:
                    request = dispatch.DrawMoneyRequest(
                        session_id=runner.session_id,
                        attempt=assignment.attempt,
                        least_nanodollars=least,
                        most_nanodollars=most,
                    )
                    return await runner.stub.DrawMoney(request, metadata=runner.metadata)

                assert await draw(1, 10**8) == dispatch.DrawMoneyResponse(granted_nanodollars=110_000_000)
                me = await person.accounts.GetMe(accounts.GetMeRequest(), metadata=person.metadata)
                day = me.day
                assert (day.limit_nanodollars, day.spent_nanodollars) == (5 * 10**8, 0)
                assert day.held_nanodollars == 110_000_000
                assert day.end_time.ToSeconds() % DAY_S == 0
                assert 0 < day.end_time.ToSeconds() - time.time() <= DAY_S
                never = await draw(6 * 10**8, 10**9)
                assert not never.HasField("resume_duration")
                assert "may cost $0.6000" in never.reason
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await draw(2, 1)
    assert from_rpc_error(refused.value).reason == "INVALID"


async def test_without_a_limit_attempts_do_not_draw(running: Stack) -> None:
    person = await running.sign_in()
    await create(person, (await person.add_project()).project_id)
    async with running.runner() as runner:
        assert not (await runner.next_assignment()).draws_money
