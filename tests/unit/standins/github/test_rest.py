"""The REST interface's manners: credentials, limits, faults."""

from datetime import timedelta

import httpx2
import pytest

from tests.standins.github import GitHubStandin
from tests.standins.github.git import GitError
from tests.unit.standins.github.conftest import Checkout, SetClock, rest_client


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "token"])
async def test_a_token_is_taken_in_either_form(github: GitHubStandin, token: str, scheme: str) -> None:
    async with rest_client(github, None) as client:
        answer = await client.get("/user", headers={"Authorization": f"{scheme} {token}"})

    assert answer.json()["login"] == "octo"
    assert answer.headers["X-OAuth-Scopes"] == "repo"


async def test_bad_and_missing_credentials_are_told_apart(github: GitHubStandin, token: str) -> None:
    github.revoke_token(token)
    async with rest_client(github, token) as revoked, rest_client(github, None) as nobody:
        answers = [await revoked.get("/user"), await revoked.get("/repos/octo/demo"), await nobody.get("/user")]

    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert [answer.json()["message"] for answer in answers] == [
        "Bad credentials",
        "Bad credentials",
        "Requires authentication",
    ]


async def test_a_caller_without_a_name_is_refused(rest: httpx2.AsyncClient) -> None:
    assert (await rest.get("/user", headers={"User-Agent": ""})).status_code == 403


async def test_the_asked_version_is_selected(rest: httpx2.AsyncClient) -> None:
    answer = await rest.get("/user", headers={"X-GitHub-Api-Version": "2026-03-10"})

    assert answer.headers["X-GitHub-Api-Version-Selected"] == "2026-03-10"


async def test_calls_are_counted_and_refused_until_the_hour_is_over(
    github: GitHubStandin, rest: httpx2.AsyncClient, clock: SetClock
) -> None:
    github.limit_rate(2)
    remaining = [(await rest.get("/user")).headers["X-RateLimit-Remaining"] for _ in range(2)]
    refused = await rest.get("/user")

    assert remaining == ["1", "0"]
    assert (refused.status_code, refused.headers["X-RateLimit-Remaining"]) == (403, "0")
    assert "API rate limit exceeded" in refused.json()["message"]
    reset = int(refused.headers["X-RateLimit-Reset"])
    assert reset == int((clock() + timedelta(hours=1)).timestamp())

    clock.move(timedelta(hours=1))
    assert (await rest.get("/user")).status_code == 200


async def test_a_denial_meets_one_call(github: GitHubStandin, rest: httpx2.AsyncClient) -> None:
    github.deny_next(403, "You have exceeded a secondary rate limit.", {"Retry-After": "1"})
    denied, after = await rest.get("/user"), await rest.get("/user")

    assert (denied.status_code, denied.headers["Retry-After"]) == (403, "1")
    assert denied.json()["message"] == "You have exceeded a secondary rate limit."
    assert after.status_code == 200


async def test_in_an_outage_everything_answers_502(
    github: GitHubStandin, rest: httpx2.AsyncClient, checkout: Checkout
) -> None:
    github.outage(True)
    assert (await rest.get("/user")).status_code == 502
    assert (await rest.get(f"{github.url}/login/oauth/authorize?client_id=app-1")).status_code == 502
    with pytest.raises(GitError, match="502"):
        await checkout.run("fetch")

    github.outage(False)
    assert (await rest.get("/user")).status_code == 200
    await checkout.run("fetch")
