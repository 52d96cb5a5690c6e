"""With a GitHub App: a token for each attempt, for one repository, that ends with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from errand.v1 import account_service_pb2 as accounts
from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import task_pb2
from errand_common.service import StartError
from errand_scheduler.config import SchedulerSettings
from tests.integration.refused import refusal
from tests.integration.scheduling import (
    DEADLINE_S,
    REPOSITORY,
    USUAL_BEAT_S,
    Stack,
    github_with_repository,
    new_task,
    settings,
    stack,
)
from tests.standins.github import GitHubStandin
from tests.standins.github.git import git


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[GitHubStandin]:
    async with github_with_repository(tmp_path / "github") as standin:
        yield standin


def with_app(folder: Path, github: GitHubStandin, *, beat_s: float = USUAL_BEAT_S) -> SchedulerSettings:
    app_id, key = github.add_app("errand")
    path = folder / "app.pem"
    path.write_text(key)
    app = {"ERRAND_GITHUB_APP_ID": app_id, "ERRAND_GITHUB_APP_KEY_FILE": str(path)}
    return settings(folder / "data", github, beat_s=beat_s, **app)


@pytest.fixture
def wanted(tmp_path: Path, github: GitHubStandin) -> SchedulerSettings:
    return with_app(tmp_path, github)


@asynccontextmanager
async def running(wanted: SchedulerSettings, github: GitHubStandin) -> AsyncIterator[Stack]:
    async with stack(wanted.data, github, wanted=wanted) as started:
        yield started


async def until_revoked(github: GitHubStandin, *, left: int = 0) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while len(github.live_app_tokens()) > left:
            await asyncio.sleep(0.01)


async def test_an_attempt_is_lent_a_token_of_its_own_that_dies_with_it(
    wanted: SchedulerSettings, github: GitHubStandin
) -> None:
    github.install("errand", REPOSITORY)
    async with running(wanted, github) as started:
        await new_task(started)
        async with started.runner() as runner:
            ref = (await runner.take()).attempt
            lent = await runner.lend(ref)
            assert [lent.password] == github.live_app_tokens()
            assert 3500 < lent.expire_duration.ToTimedelta().total_seconds() <= 3600
            assert lent.password == (await runner.lend(ref)).password
            await runner.finish(ref)
        await until_revoked(github)
        stored = b"".join(path.read_bytes() for path in wanted.data.glob("errand.db*"))
        assert lent.password.encode() not in stored


async def test_the_token_reaches_the_attempts_repository_alone(
    wanted: SchedulerSettings, github: GitHubStandin
) -> None:
    await github.add_repository("octocat/other", {"a": b"b"})
    github.install("errand", REPOSITORY)
    github.install("errand", "octocat/other")
    async with running(wanted, github) as started:
        await new_task(started)
        async with started.runner() as runner:
            ref = (await runner.take()).attempt
            lent = await runner.lend(ref)
            reached = github.url.replace("://", f"://x:{lent.password}@")
            assert await git("ls-remote", f"{reached}/{REPOSITORY}.git", "refs/heads/main")
            with pytest.raises(Exception, match="not found"):
                await git("ls-remote", f"{reached}/octocat/other.git")
            await runner.finish(ref)


async def test_what_a_project_may_read_is_lent_for_reading_and_only_where_the_person_sees_it(
    wanted: SchedulerSettings, github: GitHubStandin
) -> None:
    names = [REPOSITORY, "octocat/library", "octocat/hidden"]
    for name in names[1:]:
        await github.add_repository(name, {"a": b"b"})
    github.grant("octocat", "octocat/library", "push")
    for name in names:
        github.install("errand", name)
    async with running(wanted, github) as started:
        person, task = await new_task(started)
        named = accounts.RepositoryNames(repositories=names[1:])
        change = accounts.UpdateProjectRequest(project_id=task.project_id, read_repositories=named)
        await person.accounts.UpdateProject(change, metadata=person.metadata)
        async with started.runner() as runner:
            ref = (await runner.take()).attempt
            lent = await runner.lend(ref, repository="octocat/library")
            library = github.url.replace("://", f"://x:{lent.password}@") + "/octocat/library.git"
            assert await git("ls-remote", library, "refs/heads/main")
            await git("clone", "--quiet", "--bare", library, str(wanted.data / "clone"))
            with pytest.raises(Exception, match="403"):
                await git("push", library, "main:refs/heads/more", directory=wanted.data / "clone")
            assert (await refusal(runner.lend(ref, repository="octocat/hidden"))).reason == "DENIED"
            await runner.finish(ref)


async def test_one_that_was_refused_is_made_anew_once_for_all_who_named_it(
    wanted: SchedulerSettings, github: GitHubStandin
) -> None:
    github.install("errand", REPOSITORY)
    async with running(wanted, github) as started:
        await new_task(started)
        async with started.runner() as runner:
            ref = (await runner.take()).attempt
            first = await runner.lend(ref)
            github.revoke_token(first.password)
            newer = await asyncio.gather(*(runner.lend(ref, refused_lent_id=first.lent_id) for _ in range(3)))
            assert {each.password for each in newer} == set(github.live_app_tokens())
            assert len(github.live_app_tokens()) == 1
            await runner.finish(ref)
        await until_revoked(github)


async def test_a_stop_that_the_runner_never_hears_revokes_too_and_so_does_the_next_start(
    tmp_path: Path, github: GitHubStandin
) -> None:
    wanted = with_app(tmp_path, github, beat_s=0.5)
    github.install("errand", REPOSITORY)
    async with running(wanted, github) as started:
        person, task = await new_task(started)
        async with started.runner() as runner:
            await runner.lend((await runner.take()).attempt)
        github.outage(True, only="/installation/token")
        await person.stop(task.task_id)
        await person.until_status(task.task_id, task_pb2.TASK_STATUS_CANCELLED)
        assert len(github.live_app_tokens()) == 1
    github.outage(False)
    async with running(wanted, github):
        await until_revoked(github)


async def test_a_pull_request_is_the_apps(wanted: SchedulerSettings, github: GitHubStandin) -> None:
    github.install("errand", REPOSITORY)
    async with running(wanted, github) as started:
        _, task = await new_task(started)
        async with started.runner() as runner:
            ref = (await runner.take()).attempt
            await started.push(task.branch)
            lent = await runner.lend(ref)
            github.revoke_token(lent.password)
            request = dispatch.OpenPullRequestRequest(session_id=runner.session_id, attempt=ref, title="x", body="y")
            await runner.stub.OpenPullRequest(request, metadata=runner.metadata, timeout=DEADLINE_S)
            await runner.finish(ref)
    assert [pull.author.login for pull in github.pull_requests(REPOSITORY)] == ["errand[bot]"]


async def test_a_task_waits_for_the_app_and_says_what_is_missing(tmp_path: Path, github: GitHubStandin) -> None:
    async with running(with_app(tmp_path, github, beat_s=0.1), github) as started:
        person, task = await new_task(started)

        async def waits(words: str) -> None:
            async with asyncio.timeout(DEADLINE_S):
                while words not in (await person.task(task.task_id)).status_reason:
                    await asyncio.sleep(0.02)

        async with started.runner() as runner, runner.beating():
            await waits(f"not installed on {REPOSITORY}; its owner can do so at {github.url}/apps/errand")
            github.install("errand", REPOSITORY)
            github.grant_app("errand", REPOSITORY, {"contents": "read", "pull_requests": "write"})
            await waits("lacks the permission contents: write")
            github.grant_app("errand", REPOSITORY, {"contents": "write", "pull_requests": "write"})
            await runner.finish((await runner.take()).attempt)


async def test_what_may_not_be_pushed_is_told_once_before_the_work_starts(
    wanted: SchedulerSettings, github: GitHubStandin
) -> None:
    github.install("errand", REPOSITORY)
    async with running(wanted, github) as started:
        person, task = await new_task(started)
        async with started.runner() as runner:
            ref = (await runner.take()).attempt
            await runner.lend(ref)
            await runner.lend(ref)
            told = [each.body for each in await person.events(task.task_id) if each.body.HasField("push_limited")]
            assert [".github/workflows" in body.push_limited.summary for body in told] == [True]
            await runner.finish(ref)


async def test_an_app_that_was_taken_off_is_told_in_words(wanted: SchedulerSettings, github: GitHubStandin) -> None:
    github.install("errand", REPOSITORY)
    async with running(wanted, github) as started:
        await new_task(started)
        async with started.runner() as runner:
            ref = (await runner.take()).attempt
            github.uninstall("errand", REPOSITORY)
            error = await refusal(runner.lend(ref))
            assert (error.reason, "not installed" in error.message) == ("NO_PUSH_RIGHT", True)
            await runner.finish(ref)


async def test_a_key_that_is_not_the_apps_ends_the_scheduler_with_words(
    wanted: SchedulerSettings, github: GitHubStandin
) -> None:
    assert wanted.github_app_key_file is not None
    _, other_key = github.add_app("another")
    wanted.github_app_key_file.write_text(other_key)
    with pytest.raises(ExceptionGroup) as ended:
        async with running(wanted, github), asyncio.timeout(DEADLINE_S):
            await asyncio.Event().wait()
    assert "ERRAND_GITHUB_APP_KEY_FILE" in str(ended.value.exceptions[0])
    assert isinstance(ended.value.exceptions[0], StartError)
