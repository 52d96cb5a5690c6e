"""What a project's tasks run in, and what prepares their workspace, is the project's owner's to say."""

import sqlite3
from contextlib import closing
from typing import Any

from errand.v1 import account_service_pb2 as accounts
from errand.v1 import task_pb2
from errand_common.wire import duration
from tests.integration.refused import refusal
from tests.integration.scheduling import IDS, REPOSITORY, Person, Stack

SIXTY_FOUR_KIB = 64 * 1024


def read(*repositories: str) -> accounts.RepositoryNames:
    return accounts.RepositoryNames(repositories=repositories)


async def update(person: Person, project_id: str, **fields: Any) -> task_pb2.Project:
    request = accounts.UpdateProjectRequest(project_id=project_id, **fields)
    return (await person.accounts.UpdateProject(request, metadata=person.metadata)).project


async def listed(person: Person) -> list[task_pb2.Project]:
    page = await person.accounts.ListProjects(accounts.ListProjectsRequest(), metadata=person.metadata)
    return list(page.projects)


async def test_what_is_not_named_stays_and_what_is_empty_goes(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    assert (project.image, project.setup_script) == ("", "")
    await update(person, project.project_id, image="node:22")
    changed = await update(person, project.project_id, setup_script="npm ci\n")
    assert (changed.image, changed.setup_script) == ("node:22", "npm ci\n")
    assert await listed(person) == [changed]
    assert (await update(person, project.project_id, image="")).image == ""
    assert await person.add_project() == await update(person, project.project_id), "adding it again leaves them"


async def test_one_wrong_value_changes_nothing(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    before = await update(person, project_id, image="node:22", setup_script="npm ci")
    wrongs: tuple[dict[str, Any], ...] = (
        {"image": "node:24", "read_repositories": read("octocat/a", "https://github.com/octocat/b")},
        {"image": "node:24", "read_repositories": read(*(f"octocat/{number}" for number in range(21)))},
        {"image": "node 22", "setup_script": "x"},
        {"image": "--privileged", "setup_script": "x"},
        {"image": "node:24", "setup_script": "é" * (SIXTY_FOUR_KIB // 2) + "x"},
        {"image": "node:24", "setup_script": "a\0b"},
        {"image": "node:24", "model_choice": task_pb2.ModelChoice(model="claude opus")},
        {"image": "node:24", "model_choice": task_pb2.ModelChoice(model="m" * 129)},
        {"image": "node:24", "model_choice": task_pb2.ModelChoice(effort=99)},  # type: ignore[arg-type]  # none has it
        {"image": "node:24", "model_choice": task_pb2.ModelChoice(thinking_display=99)},  # type: ignore[arg-type]
        {"image": "node:24", "check": task_pb2.Check(script="a\0b")},
        {"image": "node:24", "check": task_pb2.Check(script="true", limit_duration=duration(9.0))},
        {"image": "node:24", "check": task_pb2.Check(script="true", limit_duration=duration(3601.0))},
        {"image": "node:24", "request_id": "k" * 129},
    )
    for wrong in wrongs:
        assert (await refusal(update(person, project_id, **wrong))).reason == "INVALID", wrong
    assert (await refusal(update(person, "prj_1", image="node:24"))).reason == "INVALID"
    assert await listed(person) == [before]
    assert (await update(person, project_id, setup_script="é" * (SIXTY_FOUR_KIB // 2))).image == "node:22"


async def test_a_model_is_chosen_with_its_effort_and_given_up_again(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    choice = task_pb2.ModelChoice(
        model="claude-opus-5-5",
        effort=task_pb2.EFFORT_HIGH,
        thinking_display=task_pb2.THINKING_DISPLAY_OMITTED,
        fallback_model="claude-haiku-5-5",
    )
    assert (await update(person, project_id, model_choice=choice)).model_choice == choice
    assert (await update(person, project_id, image="node:22")).model_choice == choice
    assert (await listed(person))[0].model_choice == choice
    assert (await update(person, project_id, model_choice=task_pb2.ModelChoice())).model_choice.model == ""


async def test_a_check_is_declared_with_its_limit_and_given_up_again(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    declared = task_pb2.Check(script="make test\n", limit_duration=duration(90.0))
    assert (await update(person, project_id, check=declared)).check == declared
    assert (await update(person, project_id, image="node:22")).check == declared
    assert (await listed(person))[0].check == declared
    usual = task_pb2.Check(script="", limit_duration=duration(900.0))
    assert (await update(person, project_id, check=task_pb2.Check())).check == usual


async def test_drafts_are_wanted_until_they_are_not(running: Stack) -> None:
    person = await running.sign_in()
    project = await person.add_project()
    assert not project.draft_pull_requests
    assert (await update(person, project.project_id, draft_pull_requests=True)).draft_pull_requests
    assert (await update(person, project.project_id, image="node:22")).draft_pull_requests
    assert not (await update(person, project.project_id, draft_pull_requests=False)).draft_pull_requests


async def test_nobody_else_may_change_it(running: Stack) -> None:
    ann, bob = await running.sign_in(), await running.sign_in("hubot")
    project = await ann.add_project()
    assert (await refusal(update(bob, project.project_id, image="evil:1"))).reason == "NOT_FOUND"
    assert (await refusal(update(ann, IDS.new("prj"), image="node:22"))).reason == "NOT_FOUND"
    assert await listed(ann) == [project]


async def test_each_repository_to_read_stands_once_and_the_own_one_not_at_all(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    named = read("octocat/library", "Octocat/Library.git", REPOSITORY.upper(), "octocat/notes")
    changed = await update(person, project_id, read_repositories=named)
    assert list(changed.read_repositories) == ["Octocat/Library", "octocat/notes"]
    assert (await update(person, project_id, image="node:22")).read_repositories == changed.read_repositories
    assert not (await update(person, project_id, read_repositories=read())).read_repositories


async def test_what_is_lent_is_lent_for_what_the_project_names_alone(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    await update(person, project_id, read_repositories=read("octocat/library"))
    await person.create(project_id)
    async with running.runner() as runner:
        attempt = (await runner.take()).attempt
        assert (await runner.lend(attempt, repository="octocat/Library")).password
        refused = await refusal(runner.lend(attempt, repository="octocat/other"))
    assert refused.reason == "DENIED"


async def test_who_changed_it_is_noted(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    await update(person, project_id, image="node:22")
    with closing(sqlite3.connect(f"file:{running.data / 'errand.db'}?mode=ro", uri=True)) as connection:
        noted = connection.execute(
            "SELECT caller, subject_id FROM audit_log WHERE action = 'update_project'"
        ).fetchall()
    assert noted == [(person.user.user_id, project_id)]


async def test_a_change_that_comes_late_again_does_not_undo_a_newer_one(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    await update(person, project_id, request_id="first", image="node:22")
    await update(person, project_id, request_id="second", image="node:24")
    assert (await update(person, project_id, request_id="first", image="node:22")).image == "node:24"
    other = await refusal(update(person, project_id, request_id="first", image="node:26"))
    assert other.reason == "IDEMPOTENCY_MISMATCH"


async def test_an_attempt_goes_by_the_settings_of_its_offer(running: Stack) -> None:
    person = await running.sign_in()
    project_id = (await person.add_project()).project_id
    await person.create(project_id)
    await update(person, project_id, image="node:22", setup_script="npm ci")
    async with running.runner() as runner:
        assignment = await runner.next_assignment()
    assert (assignment.project.image, assignment.project.setup_script) == ("node:22", "npm ci")


async def test_projects_with_long_scripts_come_in_several_pages(running: Stack) -> None:
    person = await running.sign_in()
    script = "#" * SIXTY_FOUR_KIB
    names = [REPOSITORY, *(f"octocat/more-{number}" for number in range(17))]
    for name in names:
        if name != REPOSITORY:
            await running.github.add_repository(name, {"a": b"b"})
            running.github.grant("octocat", name, "push")
        await update(person, (await person.add_project(name)).project_id, setup_script=script)
    pages: list[list[str]] = []
    token = ""
    while not pages or token:
        request = accounts.ListProjectsRequest(page_size=100, page_token=token)
        page = await person.accounts.ListProjects(request, metadata=person.metadata)
        pages.append([project.repository for project in page.projects])
        token = page.next_page_token
    assert [len(page) for page in pages] == [15, 3]
    assert sorted(name for page in pages for name in page) == sorted(names)
