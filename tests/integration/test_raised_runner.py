"""A real runner and scheduler, short of money: a person raises what a task may spend, or a day is too short for it."""

from pathlib import Path

from errand.v1 import account_service_pb2 as accounts
from errand.v1 import task_pb2
from errand.v1 import task_service_pb2 as tasks
from tests.integration.scheduling import Stack, github_with_repository, settings, stack
from tests.integration.whole_runner import runner


def room(_: Path) -> int:
    """Any disk."""
    return 1 << 40


async def test_a_task_that_waits_is_raised_and_goes_on_in_its_attempt(
    running: Stack, state_dir: Path, sandbox_image: str
) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    once = task_pb2.Allowance(requests=1)
    create = tasks.CreateTaskRequest(project_id=project_id, prompt="Run: echo hello", allowance=once)
    async with runner(running, state_dir, sandbox_image, room):
        task = (await person.tasks.CreateTask(create, metadata=person.metadata)).task
        waiting = await person.until_status(task.task_id, task_pb2.TASK_STATUS_WAITING)
        more = tasks.RaiseAllowanceRequest(task_id=task.task_id, more=task_pb2.Allowance(requests=5))
        await person.tasks.RaiseAllowance(more, metadata=person.metadata)
        done = await person.until_status(task.task_id, task_pb2.TASK_STATUS_COMPLETED)
        listed = await person.tasks.ListEvents(tasks.ListEventsRequest(task_id=task.task_id), metadata=person.metadata)
        me = await person.accounts.GetMe(accounts.GetMeRequest(), metadata=person.metadata)

    assert waiting.wait_reason == task_pb2.WAIT_REASON_ALLOWANCE
    assert waiting.status_reason.startswith("All 1 requests to Claude that this task may make are made.")
    assert done.allowance.requests == 6
    assert waiting.spent.requests == 1 < done.spent.requests
    assert len({event.attempt_id for event in listed.events} - {""}) == 1, "while it waits its sandbox is kept"
    assert me.day.spent_nanodollars == done.spent.cost_nanodollars > 0


async def test_a_runner_asks_for_nothing_that_the_day_is_too_short_for(
    tmp_path: Path, state_dir: Path, sandbox_image: str
) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        short = settings(tmp_path / "data", github, ERRAND_USER_DOLLARS_PER_DAY="0.01")
        async with stack(tmp_path / "data", github, wanted=short) as running:
            person = await running.sign_in()
            task = await person.create((await person.add_project()).project_id)
            async with runner(running, state_dir, sandbox_image, room):
                failed = await person.until_status(task.task_id, task_pb2.TASK_STATUS_FAILED)

    assert failed.failure_reason == task_pb2.FAILURE_REASON_ALLOWANCE
    assert "all tasks of a person together may cost $0.0100 a day" in failed.status_reason
    assert failed.spent.requests == 0
