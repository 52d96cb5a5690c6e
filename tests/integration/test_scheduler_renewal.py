"""Sign-ins with a GitHub App expire after hours: they are renewed by themselves, or the person is told."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from errand.v1 import account_service_pb2, task_pb2
from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand_common import rpc
from errand_common.wire import duration
from tests.integration.scheduling import DEADLINE_S, Person, Stack, github_with_repository, settings, stack
from tests.patience import ANSWER_S

CLIENT = {"ERRAND_GITHUB_CLIENT_ID": "Iv23app", "ERRAND_GITHUB_CLIENT_SECRET": "app-secret"}


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Stack]:
    async with github_with_repository(tmp_path / "github") as github:
        github.add_client("Iv23app", "app-secret", ["https://errand.test/auth/callback"], expiring=True)
        github.add_app("errand", client_id="Iv23app")
        github.install("errand", "octocat/demo")
        wanted = settings(tmp_path / "data", github, beat_s=1.0, **CLIENT)
        async with stack(tmp_path / "data", github, wanted=wanted) as running:
            yield running


async def sign_in(started: Stack, *, good_for_s: float) -> tuple[Person, str, str]:
    """A person, and the pair that they brought."""
    started.github.add_user("octocat")
    access, refresh = started.github.issue_pair("octocat", "Iv23app")
    request = account_service_pb2.CompleteSignInRequest(
        github_access_token=access,
        github_refresh_token=refresh,
        github_access_duration=duration(good_for_s),
        client="test",
    )
    gateway = rpc.bearer(started.gateway_token)
    answer = await AccountServiceStub(started.channel).CompleteSignIn(request, metadata=gateway, timeout=DEADLINE_S)
    return started.person(answer), access, refresh


async def test_a_sign_in_is_renewed_before_it_expires_and_what_is_stored_is_sealed(started: Stack) -> None:
    person, access, refresh = await sign_in(started, good_for_s=60)
    await person.create((await person.add_project()).project_id)
    async with started.runner() as runner:
        ref = (await runner.take()).attempt
        lent = await runner.lend(ref)
        assert lent.password not in (access, "")
        # An organisation's owner, say, ends it: GitHub's git server answers 401.
        started.github.revoke_token(lent.password)
        assert (await runner.lend(ref, refused_lent_id=lent.lent_id)).password != lent.password
        await runner.finish(ref)
    stored = b"".join(path.read_bytes() for path in started.data.glob("errand.db*"))
    assert [each for each in (refresh, *started.github.tokens_issued()) if each.encode() in stored] == []


async def test_a_task_waits_for_a_sign_in_where_the_answer_to_a_renewal_was_lost(started: Stack) -> None:
    project = await (await sign_in(started, good_for_s=8 * 3600))[0].add_project()
    person, _, refresh = await sign_in(started, good_for_s=8 * 3600)
    # GitHub renews it, and nobody hears of it.
    form = {
        "client_id": "Iv23app",
        "client_secret": "app-secret",
        "grant_type": "refresh_token",
        "refresh_token": refresh,
    }
    async with httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S) as http:
        await http.post(f"{started.github.url}/login/oauth/access_token", data=form)
    task = await person.create(project.project_id)
    async with started.runner() as runner, runner.beating():
        async with asyncio.timeout(DEADLINE_S):
            while "sign in again" not in (await person.task(task.task_id)).status_reason:
                await asyncio.sleep(0.02)
        await sign_in(started, good_for_s=8 * 3600)
        await runner.finish((await runner.take()).attempt)
    await person.until_status(task.task_id, task_pb2.TASK_STATUS_COMPLETED)
