"""Single-user mode: whose token it is, is the only user, before, during and after an outage of GitHub."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import grpc
import pytest
from structlog.testing import capture_logs

from errand.v1 import account_service_pb2 as accounts
from errand.v1 import dispatch_service_pb2 as dispatch
from errand.v1 import task_pb2
from errand.v1 import task_service_pb2 as tasks
from errand_common.errors import from_rpc_error
from errand_common.service import StartError
from tests.integration.refused import refusal
from tests.integration.scheduling import (
    DEADLINE_S,
    REPOSITORY,
    USUAL_BEAT_S,
    Person,
    Stack,
    github_with_repository,
    inputs_event,
    single_user_settings,
    stack,
)
from tests.standins.github import GitHubStandin

BEAT_S = 0.05  # GitHub is asked again every 6 beats


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[GitHubStandin]:
    async with github_with_repository(tmp_path / "github") as each:
        each.grant("hubot", REPOSITORY, "push")
        yield each


@asynccontextmanager
async def owned_by(
    token: str, folder: Path, github: GitHubStandin, *, beat_s: float = USUAL_BEAT_S
) -> AsyncIterator[Stack]:
    wanted = single_user_settings(folder / "data", github, token, beat_s=beat_s)
    async with stack(folder / "data", github, wanted=wanted) as running:
        yield running


async def owner_of(running: Stack) -> Person:
    return await running.redeem(await running.make_link())


async def get_me(person: Person) -> task_pb2.User:
    answer = await person.accounts.GetMe(accounts.GetMeRequest(), metadata=person.metadata, timeout=DEADLINE_S)
    return answer.user


async def until_admitted(person: Person) -> task_pb2.User:
    """Asks until GitHub has told whose the token is."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                return await get_me(person)
            except grpc.aio.AioRpcError as exc:
                if from_rpc_error(exc).reason != "GITHUB_UNAVAILABLE":
                    raise


async def until_waits(person: Person, task_id: str, reason: str) -> None:
    watch = person.watch(task_id)
    while reason not in (await person.task(task_id)).status_reason:
        await watch.next()
    watch.cancel()


async def test_the_owner_works_with_the_settings_token(tmp_path: Path, github: GitHubStandin) -> None:
    token = github.issue_token("octocat")
    async with owned_by(token, tmp_path, github) as running:
        person = await owner_of(running)
        assert person.user.github_username == "octocat"
        task = await person.create((await person.add_project()).project_id)
        async with running.runner() as runner:
            assignment = await runner.take()
            assert assignment.task.task_id == task.task_id
            await runner.send(assignment.attempt, inputs_event(assignment))
            await runner.beat(assignment.attempt)
            lend = dispatch.LendCredentialRequest(session_id=runner.session_id, attempt=assignment.attempt)
            lent = await runner.stub.LendCredential(lend, metadata=runner.metadata, timeout=DEADLINE_S)
            assert lent.password == token
            github.revoke_token(token)
            refused = await refusal(runner.lend(assignment.attempt, refused_lent_id=lent.lent_id))
            assert (refused.reason, "ERRAND_GITHUB_TOKEN" in refused.message) == ("NO_PUSH_RIGHT", True)
            await runner.finish(assignment.attempt)


async def test_nobody_else_signs_in(tmp_path: Path, github: GitHubStandin) -> None:
    async with owned_by(github.issue_token("octocat"), tmp_path, github) as running:
        for login in ("hubot", "octocat"):  # hubot stands on ERRAND_ALLOWED_USERS
            refused = await refusal(running.sign_in(login))
            assert (refused.reason, refused.http_status) == ("WRONG_STATE", 409)
            assert "errand-scheduler link" in refused.message


async def test_a_token_that_github_refuses_stops_the_start(tmp_path: Path, github: GitHubStandin) -> None:
    token = github.issue_token("octocat")
    github.revoke_token(token)
    with pytest.raises(ExceptionGroup) as stopped:
        async with owned_by(token, tmp_path, github) as running:
            await until_refused(running)
    (error,) = stopped.value.exceptions
    assert isinstance(error, StartError)
    for words in (
        f"ERRAND_GITHUB_TOKEN is refused by {github.api_url}",
        f"{github.url}/settings/tokens/new?scopes=repo",
        "scope repo",
        "start the scheduler again",
    ):
        assert words in str(error)
    assert token not in str(error)


async def until_refused(running: Stack) -> None:
    """Asks until the scheduler is gone; the stop comes as a cancellation."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            await running.make_link()


async def test_github_may_be_away_at_the_start(tmp_path: Path, github: GitHubStandin) -> None:
    old = github.issue_token("octocat")
    async with owned_by(old, tmp_path, github, beat_s=BEAT_S) as before:
        person = await owner_of(before)
    github.outage(True)
    with capture_logs() as lines:
        async with owned_by(github.issue_token("octocat"), tmp_path, github, beat_s=BEAT_S) as after:
            again = after.again(person)
            away = await refusal(get_me(again))
            assert (away.reason, away.http_status) == ("GITHUB_UNAVAILABLE", 503)
            assert "ERRAND_GITHUB_TOKEN" in away.message
            assert (await refusal(owner_of(after))).reason == "GITHUB_UNAVAILABLE"
            github.outage(False)
            assert await until_admitted(again) == person.user
    assert {line["log_level"] for line in lines if line["event"] == "owner_not_known_yet"} == {"warning"}


async def test_a_token_that_is_known_needs_no_github_at_the_start(tmp_path: Path, github: GitHubStandin) -> None:
    token = github.issue_token("octocat")
    async with owned_by(token, tmp_path, github) as before:
        person = await owner_of(before)
    github.outage(True)
    async with owned_by(token, tmp_path, github) as after:
        assert await get_me(after.again(person)) == person.user


async def test_a_new_token_counts_after_a_restart_and_lets_waiting_tasks_go_on(
    tmp_path: Path, github: GitHubStandin
) -> None:
    old, new = github.issue_token("octocat"), github.issue_token("octocat")
    async with owned_by(old, tmp_path, github) as before:
        person = await owner_of(before)
        project = await person.add_project()
    github.revoke_token(old)
    github.outage(True)
    async with owned_by(old, tmp_path, github) as between:
        task = await between.again(person).create(project.project_id)
        github.outage(False)
    async with owned_by(new, tmp_path, github) as after:
        assert await until_admitted(after.again(person)) == person.user
        async with after.runner() as runner:
            assignment = await runner.take()
            assert assignment.task.task_id == task.task_id
            await runner.beat(assignment.attempt)
            lend = dispatch.LendCredentialRequest(session_id=runner.session_id, attempt=assignment.attempt)
            lent = await runner.stub.LendCredential(lend, metadata=runner.metadata, timeout=DEADLINE_S)
            assert lent.password == new
            await runner.finish(assignment.attempt)


async def test_a_token_that_is_revoked_meanwhile_is_told_as_the_settings_fault(
    tmp_path: Path, github: GitHubStandin
) -> None:
    token = github.issue_token("octocat")
    async with owned_by(token, tmp_path, github) as running:
        person = await owner_of(running)
        project = await person.add_project()
        secret = await running.make_link()
        github.revoke_token(token)
        repositories = person.accounts.ListRepositories(accounts.ListRepositoriesRequest(), metadata=person.metadata)
        for call in (running.redeem(secret), person.add_project(), repositories):
            refused = await refusal(call)
            # Not UNAUTHENTICATED: the session is good, and signing in again does not help.
            assert refused.reason == "WRONG_STATE"
            assert "ERRAND_GITHUB_TOKEN is refused" in refused.message
        assert await get_me(person) == person.user
    async with owned_by(github.issue_token("octocat"), tmp_path, github) as after:
        again = after.again(person)
        await until_admitted(again)
        await again.create(project.project_id)


async def test_a_token_of_another_account_makes_another_owner(tmp_path: Path, github: GitHubStandin) -> None:
    octocats, hubots = github.issue_token("octocat"), github.issue_token("hubot")
    async with owned_by(octocats, tmp_path, github, beat_s=BEAT_S) as before:
        octocat = await owner_of(before)
        task = await octocat.create((await octocat.add_project()).project_id)
    async with owned_by(hubots, tmp_path, github, beat_s=BEAT_S) as between:
        hubot = await owner_of(between)
        assert hubot.user.github_username == "hubot"
        assert hubot.user.user_id != octocat.user.user_id
        refused = await refusal(get_me(between.again(octocat)))
        assert (refused.reason, refused.http_status) == ("NOT_ADMITTED", 403)
        assert (await refusal(hubot.task(task.task_id))).reason == "NOT_FOUND"
        own = await hubot.create((await hubot.add_project()).project_id)
        async with between.runner() as runner, runner.beating():
            assignment = await runner.take()
            assert assignment.task.task_id == own.task_id
            await until_stored_reason(between, task.task_id, "octocat is not admitted")
            await runner.finish(assignment.attempt)
        listed = await hubot.tasks.ListTasks(tasks.ListTasksRequest(), metadata=hubot.metadata, timeout=DEADLINE_S)
        assert [each.task_id for each in listed.tasks] == [own.task_id]
    async with owned_by(octocats, tmp_path, github, beat_s=BEAT_S) as after:
        again = after.again(octocat)
        await until_waits(again, task.task_id, "no runner is connected")
        assert (await refusal(get_me(after.again(hubot)))).reason == "NOT_ADMITTED"
        async with after.runner(nonce="process-2") as runner, runner.beating():
            assignment = await runner.take()
            assert assignment.task.task_id == task.task_id
            await runner.finish(assignment.attempt)


async def until_stored_reason(running: Stack, task_id: str, words: str) -> None:
    """Reads the row: nobody who is admitted may ask for it."""
    with closing(sqlite3.connect(f"file:{running.data / 'errand.db'}?mode=ro", uri=True)) as connection:
        question = "SELECT status, status_reason FROM tasks WHERE task_id = ?"
        async with asyncio.timeout(DEADLINE_S):
            while True:
                status, reason = connection.execute(question, (task_id,)).fetchone()
                assert status == "pending"
                if words in reason:
                    return
                await running.make_link()  # lets the scheduler, which runs in this very loop, go on


async def test_the_same_person_in_either_mode(tmp_path: Path, github: GitHubStandin) -> None:
    async with stack(tmp_path / "data", github) as with_github:
        octocat, hubot = await with_github.sign_in("octocat"), await with_github.sign_in("hubot")
    async with owned_by(github.issue_token("octocat"), tmp_path, github) as alone:
        owner = await until_admitted(alone.again(octocat))
        assert (owner.user_id, owner.role) == (octocat.user.user_id, task_pb2.USER_ROLE_ADMIN)
        assert (await refusal(get_me(alone.again(hubot)))).reason == "NOT_ADMITTED"
    async with stack(tmp_path / "data", github) as with_github:
        assert await get_me(with_github.again(octocat)) == owner
        assert await get_me(with_github.again(hubot)) == hubot.user


async def test_a_token_that_cannot_see_private_repositories_is_told(tmp_path: Path, github: GitHubStandin) -> None:
    for scopes, told in ((["public_repo"], True), (["repo"], False)):
        token = github.issue_token("octocat", scopes=scopes)
        with capture_logs() as lines:
            async with owned_by(token, tmp_path, github) as running:
                async with asyncio.timeout(DEADLINE_S):
                    while not any(line["event"] == "owner_known" for line in lines):
                        await running.make_link()
        warnings = [line["advice"] for line in lines if line["event"] == "github_token_narrow"]
        assert bool(warnings) is told
        assert token not in str(lines)
