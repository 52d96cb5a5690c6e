"""A repository that cannot be worked on is refused when it is added, or when its task waits, in words that help."""

from pathlib import Path

import pytest

from errand.v1 import task_pb2
from errand_common.errors import Conflict, Denied, Invalid, NotFound
from tests.integration.refused import refused
from tests.integration.scheduling import REPOSITORY, Person, Stack, github_with_repository, stack
from tests.standins.github import GitHubStandin
from tests.standins.github.git import git


async def test_one_that_is_not_there_or_not_to_be_seen(running: Stack) -> None:
    person = await running.sign_in()
    await running.github.add_repository("hubot/secret", {"a": b"b"})

    for name in ("octocat/none", "hubot/secret"):
        words = await refused(person.add_project(name), NotFound)
        assert words == f"GitHub knows no repository {name} that you may see; check the name and your rights"


async def test_one_that_may_only_be_read(running: Stack) -> None:
    person = await running.sign_in()
    await running.github.add_repository("hubot/open", {"a": b"b"}, private=False)

    words = await refused(person.add_project("hubot/open"), Denied)

    assert words == "you may not push to hubot/open; ask its owner for write access, or work on a fork of yours"


async def test_one_that_is_archived(running: Stack) -> None:
    person = await running.sign_in()
    running.github.archive(REPOSITORY)

    words = await refused(person.add_project(), Denied)

    assert words == f"{REPOSITORY} is archived at GitHub, so nothing can be pushed to it; unarchive it there first"


async def test_one_without_a_commit(running: Stack) -> None:
    person = await running.sign_in()
    await running.github.add_repository("octocat/new", {})
    running.github.grant("octocat", "octocat/new", "push")

    words = await refused(person.add_project("octocat/new"), Conflict)

    assert words == (
        "octocat/new has no commit yet, so there is nothing to start from; push a first commit, then add it"
    )


@pytest.mark.parametrize(
    "name", ["octocat/né", "octocat/a b", "octocat/..", "octocat", "octocat/a/b", "https://github.com/octocat/demo"]
)
async def test_a_name_that_none_has(running: Stack, name: str) -> None:
    person = await running.sign_in()

    words = await refused(person.add_project(name), Invalid)

    assert words == f'repository "{name}" is not a name such as octocat/hello-world'


async def test_every_name_that_github_allows_is_taken(running: Stack) -> None:
    person = await running.sign_in()
    for name in ("octocat/.github", "octocat/-._-", "octocat/" + "x" * 100):
        await running.github.add_repository(name, {"a": b"b"})
        running.github.grant("octocat", name, "push")
        assert (await person.add_project(name)).repository == name


@pytest.mark.parametrize("obstacle", ["archived", "blocked", "gone", "read", "renamed to another project"])
async def test_what_becomes_of_one_after_it_was_added(tmp_path: Path, obstacle: str) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(tmp_path / "data", github) as before:
            person = await before.sign_in()
            project = await person.add_project()
        words = f"you may not push to {REPOSITORY}; ask its owner for write access"
        match obstacle:
            case "archived":
                github.archive(REPOSITORY)
                words = f"{REPOSITORY} is archived at GitHub"
            case "blocked":
                github.block(REPOSITORY)
                words = f"GitHub has blocked {REPOSITORY} (Repository access blocked)"
            case "renamed to another project":
                await add_other(tmp_path / "data", github, person)
                words = f"{REPOSITORY} is now octocat/other at GitHub, which you have added as a project of its own"
            case "gone":
                github.forget(REPOSITORY)
                words = f"GitHub knows no repository {REPOSITORY} that you may see"
            case "read":
                github.grant("octocat", REPOSITORY, "read")
        async with stack(tmp_path / "data", github) as running:
            person = running.again(person)
            task = await person.create(project.project_id)
            failed = await person.until_status(task.task_id, task_pb2.TASK_STATUS_FAILED)

    assert failed.failure_reason == task_pb2.FAILURE_REASON_REPOSITORY
    assert words in failed.status_reason


async def test_a_default_branch_that_is_renamed_is_followed(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(tmp_path / "data", github) as before:
            person = await before.sign_in()
            project = await person.add_project()
        await rename(tmp_path / "github", "trunk")
        github.rename_default_branch(REPOSITORY, "trunk")
        async with stack(tmp_path / "data", github) as running, running.runner() as runner:
            person = running.again(person)
            task = await person.create(project.project_id)
            assignment = await runner.next_assignment()

            assert assignment.task.task_id == task.task_id
            assert assignment.project.default_branch == "trunk"


async def test_adding_it_again_takes_up_a_renamed_default_branch_at_once(running: Stack) -> None:
    person: Person = await running.sign_in()
    project = await person.add_project()
    await rename(running.data.parent / "github", "trunk")
    running.github.rename_default_branch(REPOSITORY, "trunk")

    again = await person.add_project()

    assert (again.project_id, again.default_branch) == (project.project_id, "trunk")


async def test_a_repository_that_is_renamed_is_followed_and_that_is_told(tmp_path: Path) -> None:
    async with github_with_repository(tmp_path / "github") as github:
        async with stack(tmp_path / "data", github) as before:
            person = await before.sign_in()
            project = await person.add_project()
        github.rename_repository(REPOSITORY, "hubot/tool")
        async with stack(tmp_path / "data", github) as running, running.runner() as runner:
            person = running.again(person)
            task = await person.create(project.project_id)
            assignment = await runner.next_assignment()
            told = [event.body.repository_renamed for event in await person.events(task.task_id)]

            assert assignment.project.repository == "hubot/tool"
            assert assignment.project.repo_url == f"{github.url}/hubot/tool.git"
            assert [(each.old_repository, each.repository) for each in told if each.repository] == [
                (REPOSITORY, "hubot/tool")
            ]
            again = await person.add_project("hubot/tool")
            assert again.project_id == project.project_id


async def add_other(data: Path, github: GitHubStandin, person: Person) -> None:
    """The repository under its new name, as a project of its own."""
    github.rename_repository(REPOSITORY, "octocat/other")
    async with stack(data, github) as running:
        await running.again(person).add_project("octocat/other")


async def rename(root: Path, branch: str) -> None:
    await git("branch", "--move", "main", branch, directory=root / f"{REPOSITORY}.git")
