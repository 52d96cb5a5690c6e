"""Git hosts beside GitHub: each person brings a user name and a password there, which is sealed, lent and told of."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from errand.v1 import account_service_pb2 as accounts
from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import task_pb2
from tests.integration.git_backend import GitBackend, serve
from tests.integration.refused import refusal
from tests.integration.scheduling import DEADLINE_S, Person, Stack, github_with_repository, settings, stack

PASSWORD = "glpat-s3cret"


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[GitBackend]:
    async with serve(tmp_path / "host", password=PASSWORD) as backend:
        backend.username = "ada"
        yield backend


@pytest.fixture
async def started(tmp_path: Path, host: GitBackend) -> AsyncIterator[Stack]:
    base = host.url.removesuffix("/octo/demo.git")
    async with github_with_repository(tmp_path / "github") as github:
        wanted = settings(tmp_path / "data", github, beat_s=1.0, ERRAND_GIT_HOSTS=base)
        async with stack(tmp_path / "data", github, wanted=wanted) as running:
            yield running


def name_of(host: GitBackend) -> str:
    return host.url.removeprefix("http://").partition("/")[0]


async def bring(person: Person, host: str, username: str = "ada", password: str = PASSWORD) -> accounts.GitCredential:
    request = accounts.PutGitCredentialRequest(host=host, username=username, password=password)
    answer = await person.accounts.PutGitCredential(request, metadata=person.metadata, timeout=DEADLINE_S)
    return answer.credential


async def add(person: Person, repo_url: str) -> task_pb2.Project:
    request = accounts.CreateProjectRequest(repo_url=repo_url)
    return (await person.accounts.CreateProject(request, metadata=person.metadata, timeout=DEADLINE_S)).project


async def kept_by(person: Person) -> accounts.ListGitCredentialsResponse:
    request = accounts.ListGitCredentialsRequest()
    return await person.accounts.ListGitCredentials(request, metadata=person.metadata, timeout=DEADLINE_S)


async def test_a_task_there_is_lent_what_its_person_brought_and_opens_no_pull_request(
    started: Stack, host: GitBackend
) -> None:
    person = await started.sign_in()
    await bring(person, name_of(host))
    project = await add(person, host.url)
    assert (project.repository, project.default_branch) == (f"{name_of(host)}/octo/demo", "main")
    assert (project.repo_url, project.git_host) == (host.url, name_of(host))
    task = await person.create(project.project_id)
    async with started.runner() as runner, runner.beating():
        ref = (await runner.take()).attempt
        lent = await runner.lend(ref)
        assert (lent.username, lent.password) == ("ada", PASSWORD)
        assert (await refusal(runner.lend(ref, refused_lent_id=lent.lent_id))).reason == "NO_PUSH_RIGHT"
        request = dispatch.OpenPullRequestRequest(session_id=runner.session_id, attempt=ref, title="x", body="y")
        opening = runner.stub.OpenPullRequest(request, metadata=runner.metadata, timeout=DEADLINE_S)
        assert (await refusal(opening)).reason == "WRONG_STATE"
        await runner.finish(ref)
    told = [each.body.push_limited.summary for each in await person.events(task.task_id)]
    assert [words for words in told if words] == [
        f"Errand opens no pull requests on {name_of(host)}: the work is pushed as a branch there"
    ]


async def test_for_what_its_tasks_may_read_there_the_same_is_lent_and_for_nothing_else(
    started: Stack, host: GitBackend
) -> None:
    person = await started.sign_in()
    await bring(person, name_of(host))
    project = await add(person, host.url)
    request = accounts.UpdateProjectRequest(project_id=project.project_id)
    request.read_repositories.repositories.append("octo/lib")
    changed = await person.accounts.UpdateProject(request, metadata=person.metadata, timeout=DEADLINE_S)
    assert changed.project.read_repositories == ["octo/lib"]
    await person.create(project.project_id)
    async with started.runner() as runner, runner.beating():
        ref = (await runner.take()).attempt
        lent = await runner.lend(ref, repository="octo/lib")
        assert (lent.username, lent.password) == ("ada", PASSWORD)
        refused = await refusal(runner.lend(ref, repository="octo/other"))
        assert (refused.reason, "may not read octo/other" in refused.message) == ("DENIED", True)
        await runner.finish(ref)


async def test_what_was_brought_is_sealed_shown_without_its_secret_replaced_and_removed(
    started: Stack, host: GitBackend
) -> None:
    person, other = await started.sign_in(), await started.sign_in("hubot")
    name = name_of(host)
    await bring(person, name, "old", "old-s3cret")
    await bring(person, name)
    kept = await kept_by(person)
    assert [(each.host, each.username) for each in kept.credentials] == [(name, "ada")]
    assert list(kept.hosts) == [name]
    assert list((await kept_by(other)).credentials) == []
    assert (await refusal(add(other, host.url))).reason == "NO_PUSH_RIGHT"
    stored = b"".join(path.read_bytes() for path in started.data.glob("errand.db*"))
    assert [secret for secret in (PASSWORD, "old-s3cret") if secret.encode() in stored] == []
    remove = accounts.RemoveGitCredentialRequest(host=name)
    await person.accounts.RemoveGitCredential(remove, metadata=person.metadata, timeout=DEADLINE_S)
    assert list((await kept_by(person)).credentials) == []


async def test_a_task_waits_for_a_password_that_is_taken_and_says_so(started: Stack, host: GitBackend) -> None:
    person = await started.sign_in()
    await bring(person, name_of(host))
    project = await add(person, host.url)
    host.passwords = {"glpat-newer"}
    task = await person.create(project.project_id)
    async with started.runner() as runner, runner.beating():
        async with asyncio.timeout(DEADLINE_S):
            while "replace them" not in (await person.task(task.task_id)).status_reason:
                await asyncio.sleep(0.02)
        await bring(person, name_of(host), password="glpat-newer")
        await runner.finish((await runner.take()).attempt)
    await person.until_status(task.task_id, task_pb2.TASK_STATUS_COMPLETED)


@pytest.mark.parametrize(
    "repo_url",
    [
        "https://elsewhere.example.org/team/tool.git",
        "{base}@evil.example.org/team/tool.git",
        "{base}/../etc/passwd",
        "{base}/octo/demo.git?service=x",
        "{base}",
        "file:///etc/passwd",
    ],
)
async def test_only_clone_addresses_on_named_hosts_are_asked(started: Stack, host: GitBackend, repo_url: str) -> None:
    person = await started.sign_in()
    await bring(person, name_of(host))
    asked = len(host.requests)
    base = host.url.removesuffix("/octo/demo.git")
    assert (await refusal(add(person, repo_url.format(base=base)))).reason == "INVALID"
    assert len(host.requests) == asked


async def test_what_is_not_there_or_leads_elsewhere_is_told(started: Stack, host: GitBackend) -> None:
    person = await started.sign_in()
    await bring(person, name_of(host))
    missing = host.url.replace("demo", "none")
    assert (await refusal(add(person, missing))).reason == "NOT_FOUND"
    host.redirect_to = "https://elsewhere.example.org/octo/demo.git"
    moved = await refusal(add(person, host.url))
    assert (moved.reason, "elsewhere.example.org" in moved.message) == ("NOT_FOUND", True)


@pytest.mark.parametrize(
    ("field", "value"),
    [("host", "elsewhere.example.org"), ("username", "a:b"), ("username", ""), ("password", ""), ("password", "a\nb")],
)
async def test_what_cannot_be_used_is_not_kept(started: Stack, host: GitBackend, field: str, value: str) -> None:
    person = await started.sign_in()
    given = {"host": name_of(host), "username": "ada", "password": "s3cret", field: value}
    assert (await refusal(bring(person, **given))).reason == "INVALID"
    assert list((await kept_by(person)).credentials) == []
