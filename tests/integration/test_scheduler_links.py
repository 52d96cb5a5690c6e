"""A sign-in link lets one person in, once, within a quarter of an hour."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from errand.v1 import account_service_pb2 as accounts
from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand_common import rpc
from errand_common.clock import Clock
from errand_common.errors import from_rpc_error
from errand_scheduler.store import users
from errand_scheduler.store.reader_pool import open_reader
from tests.integration.moved_clock import MovedClock
from tests.integration.refused import refusal
from tests.integration.scheduling import (
    DEADLINE_S,
    Person,
    Stack,
    github_with_repository,
    single_user_settings,
    stack,
)
from tests.standins.github import GitHubStandin


@asynccontextmanager
async def single_user(
    folder: Path, github: GitHubStandin, token: str, *, clock: Clock | None = None
) -> AsyncIterator[Stack]:
    async with stack(folder, github, wanted=single_user_settings(folder, github, token), clock=clock) as running:
        yield running


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[GitHubStandin]:
    async with github_with_repository(tmp_path / "github") as each:
        yield each


@pytest.fixture
def owners_token(github: GitHubStandin) -> str:
    return github.issue_token("octocat")


async def sign_in(running: Stack, login: str, link_secret: str = "", token: str = "") -> Person:
    """As the gateway ends the sign-in of somebody who came by a link."""
    running.github.add_user(login)
    request = accounts.CompleteSignInRequest(
        github_access_token=token or running.github.issue_token(login), client="web", link_secret=link_secret
    )
    return running.person(
        await AccountServiceStub(running.channel).CompleteSignIn(
            request, metadata=rpc.bearer(running.gateway_token), timeout=DEADLINE_S
        )
    )


async def me(person: Person) -> str:
    answer = await person.accounts.GetMe(accounts.GetMeRequest(), metadata=person.metadata, timeout=DEADLINE_S)
    return answer.user.github_username


async def test_a_link_signs_the_owner_in_once(tmp_path: Path, github: GitHubStandin, owners_token: str) -> None:
    async with single_user(tmp_path / "data", github, owners_token) as running:
        first, second = await running.make_link(), await running.make_link()
        assert first != second
        person = await running.redeem(first)
        assert (person.user.github_username, await me(person)) == ("octocat", "octocat")
        used = await refusal(running.redeem(first))
        assert (used.reason, used.http_status) == ("INVALID", 400)
        assert "errand-scheduler link" in used.message, "what to do"
        assert (await running.redeem(second)).user == person.user
        for unknown in ("", "guessed", person.access_token):
            assert (await refusal(running.redeem(unknown))).reason == "INVALID"


async def test_two_who_open_a_link_at_once_get_one_session(
    tmp_path: Path, github: GitHubStandin, owners_token: str
) -> None:
    async with single_user(tmp_path / "data", github, owners_token) as running:
        secret = await running.make_link()
        answers = await asyncio.gather(*(running.redeem(secret) for _ in range(8)), return_exceptions=True)
    assert len([each for each in answers if isinstance(each, Person)]) == 1
    refused = [from_rpc_error(each).reason for each in answers if isinstance(each, grpc.aio.AioRpcError)]
    assert refused == ["INVALID"] * 7


async def test_a_link_is_good_for_a_quarter_of_an_hour(
    tmp_path: Path, github: GitHubStandin, owners_token: str
) -> None:
    clock = MovedClock()
    async with single_user(tmp_path / "data", github, owners_token, clock=clock) as running:
        operator = rpc.bearer(running.operator_token)
        made = await AccountServiceStub(running.channel).CreateSignInLink(
            accounts.CreateSignInLinkRequest(), metadata=operator, timeout=DEADLINE_S
        )
        assert made.expire_duration.seconds == 15 * 60
        clock.ahead_s = 15 * 60 - 30
        other = await running.make_link()
        clock.ahead_s = 15 * 60
        assert (await refusal(running.redeem(made.secret))).reason == "INVALID"
        await running.redeem(other)


async def test_a_link_survives_an_outage_of_github(tmp_path: Path, github: GitHubStandin, owners_token: str) -> None:
    async with single_user(tmp_path / "data", github, owners_token) as running:
        secret = await running.make_link()
        github.outage(True)
        away = await refusal(running.redeem(secret))
        assert (away.reason, away.http_status) == ("GITHUB_UNAVAILABLE", 503)
        github.outage(False)
        await running.redeem(secret)


async def test_a_restart_forgets_the_links(tmp_path: Path, github: GitHubStandin, owners_token: str) -> None:
    async with single_user(tmp_path / "data", github, owners_token) as before:
        secret = await before.make_link()
    async with single_user(tmp_path / "data", github, owners_token) as after:
        assert (await refusal(after.redeem(secret))).reason == "INVALID"


async def test_a_call_that_names_no_client_leaves_the_link_good(
    tmp_path: Path, github: GitHubStandin, owners_token: str
) -> None:
    async with single_user(tmp_path / "data", github, owners_token) as running:
        secret = await running.make_link()
        gateway = rpc.bearer(running.gateway_token)
        for client in ("", "w" * 65):
            request = accounts.RedeemSignInLinkRequest(secret=secret, client=client)
            answer = AccountServiceStub(running.channel).RedeemSignInLink(request, metadata=gateway)
            assert (await refusal(answer)).reason == "INVALID"
        await running.redeem(secret)


async def test_where_people_sign_in_with_github_a_link_is_no_session(running: Stack) -> None:
    secret = await running.make_link()
    refused = await refusal(running.redeem(secret))
    assert (refused.reason, refused.http_status) == ("WRONG_STATE", 409)
    assert "ERRAND_GITHUB_CLIENT_ID" in refused.message
    await sign_in(running, "stranger", secret)


async def test_a_link_admits_who_signs_in_with_github_for_good(tmp_path: Path, github: GitHubStandin) -> None:
    async with stack(tmp_path / "data", github) as before:
        turned_away = await refusal(sign_in(before, "stranger"))
        assert turned_away.reason == "NOT_ADMITTED"
        assert "sign-in link" in turned_away.message, "what to do"
        person = await sign_in(before, "stranger", await before.make_link())
        assert await me(person) == "stranger"
        assert (await sign_in(before, "stranger")).user == person.user
    async with stack(tmp_path / "data", github) as after:
        assert await me(after.again(person)) == "stranger"
        assert (await sign_in(after, "stranger")).user == person.user


async def test_a_link_admits_one_person_and_the_next_is_refused(running: Stack) -> None:
    secret = await running.make_link()
    both = [sign_in(running, login, secret) for login in ("ada", "bob")]
    answers = await asyncio.gather(*both, return_exceptions=True)
    admitted = [each for each in answers if isinstance(each, Person)]
    refused = [from_rpc_error(each).reason for each in answers if isinstance(each, grpc.aio.AioRpcError)]
    assert (len(admitted), refused) == (1, ["INVALID"])
    loser = next(login for login in ("ada", "bob") if login != admitted[0].user.github_username)
    assert (await refusal(sign_in(running, loser, secret))).reason == "INVALID"
    assert (await refusal(sign_in(running, loser))).reason == "NOT_ADMITTED"
    async with open_reader(running.data / "errand.db") as reader:
        stored = await reader.one(users.by_github_id(admitted[0].user.github_id))
        assert stored is not None
        assert stored.admitted_time is not None
        assert not [each for each in await reader.all(users.admitted_tokens()) if each.user_id != stored.user_id]


async def test_a_listed_person_needs_no_link_and_is_not_kept_beyond_the_list(running: Stack) -> None:
    person = await sign_in(running, "hubot", "a link that nobody made")
    secret = await running.make_link()
    assert (await sign_in(running, "hubot", secret)).user.user_id == person.user.user_id
    assert (await refusal(sign_in(running, "stranger", secret))).reason == "INVALID", "it was opened, so it is spent"
    async with open_reader(running.data / "errand.db") as reader:
        assert await reader.all(users.admitted_tokens()) == []


async def test_a_sign_in_that_github_refuses_leaves_the_link_good(running: Stack) -> None:
    secret = await running.make_link()
    assert (await refusal(sign_in(running, "stranger", secret, token="gho_made_up"))).reason == "UNAUTHENTICATED"
    running.github.outage(True)
    assert (await refusal(sign_in(running, "stranger", secret))).reason == "GITHUB_UNAVAILABLE"
    running.github.outage(False)
    assert await me(await sign_in(running, "stranger", secret)) == "stranger"
