"""GitHub renames, blocks and limits: its answers are followed within its own API, and told in words."""

from datetime import timedelta

import httpx2
import pytest

from errand_common.errors import NotFound
from errand_scheduler.github import GitHub, GitHubUnavailable, Proposal, Wanted, Wire, patience
from errand_scheduler.github.pull_requests import settle
from tests.standins.github import GitHubStandin
from tests.unit.scheduler.at_github import BRANCH, REPOSITORY

RENAMED = "hubot/tool"


async def test_a_renamed_repository_is_told_by_the_name_that_it_has_now(
    github: GitHubStandin, wire: Wire, token: str
) -> None:
    github.rename_repository(REPOSITORY, RENAMED)

    found = await GitHub(wire).repository(token, REPOSITORY)

    assert (found.name, found.may_push) == (RENAMED, True)


async def test_a_renamed_repositorys_pull_request_is_opened_and_then_found_under_the_old_name(
    github: GitHubStandin, wire: Wire, token: str
) -> None:
    github.rename_repository(REPOSITORY, RENAMED)
    words = Wanted("Mend it", "It was broken.", "facts", chosen=True, attempt=1)
    later = Wanted("Mend all", "All was broken.", "facts", chosen=True, attempt=2)

    opened = await settle(wire, token, Proposal(REPOSITORY, BRANCH, "main", "", words))
    again = await settle(wire, token, Proposal(REPOSITORY, BRANCH, "main", "", later, before=True))

    assert (opened.number, again.number) == (1, 1)
    assert f"/{RENAMED}/pull/1" in opened.url
    assert [pull.title for pull in github.pull_requests(RENAMED)] == ["Mend all"]


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://elsewhere.example/repositories/1", "points to https://elsewhere.example/repositories/1"),
        ("/login", "/login, where no token is sent"),
        ("", "where no token is sent"),
    ],
)
async def test_no_token_goes_anywhere_else(
    github: GitHubStandin, wire: Wire, token: str, location: str, words: str
) -> None:
    github.deny_next(301, "Moved Permanently", {"Location": location})

    with pytest.raises(GitHubUnavailable, match=words):
        await GitHub(wire).repository(token, REPOSITORY)


async def test_a_circle_is_left(github: GitHubStandin, wire: Wire, token: str) -> None:
    for _ in range(9):
        github.deny_next(307, "Temporary Redirect", {"Location": f"{github.api_url}/repos/{REPOSITORY}"})

    with pytest.raises(GitHubUnavailable, match="from one address to the next and answers at none"):
        await GitHub(wire).repository(token, REPOSITORY)


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (410, "Gone", "was removed from GitHub for good"),
        (451, "Repository access blocked", r"GitHub has blocked octo/demo \(Repository access blocked\)"),
        (403, "Repository access blocked", "its owner must settle that with GitHub"),
    ],
)
async def test_what_is_gone_or_blocked_says_so(
    github: GitHubStandin, wire: Wire, token: str, status: int, message: str, words: str
) -> None:
    github.deny_next(status, message)

    with pytest.raises(NotFound, match=words):
        await GitHub(wire).repository(token, REPOSITORY)


async def test_a_used_up_limit_names_its_real_reset(github: GitHubStandin, wire: Wire, token: str) -> None:
    github.limit_rate(0)

    with pytest.raises(GitHubUnavailable, match="rate limit exceeded") as limited:
        await GitHub(wire).repository(token, REPOSITORY)

    assert limited.value.retry_after is not None
    assert timedelta(minutes=59) < limited.value.retry_after <= timedelta(hours=1, seconds=1)


@pytest.mark.parametrize(
    ("headers", "waits_s"),
    [
        (
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767322860", "Date": "Fri, 02 Jan 2026 03:00:00 GMT"},
            61,
        ),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767322700", "Date": "Fri, 02 Jan 2026 03:00:00 GMT"}, 1),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "1767322860"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 30}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4070908800"}, 3660),
        ({"Retry-After": "99999999999999999999"}, 3660),
        ({"Retry-After": "30"}, 30),
    ],
)
def test_how_long_github_asks_to_be_left_alone(headers: dict[str, str], waits_s: float | None) -> None:
    found = patience.wait(httpx2.Response(403, headers=headers), "API rate limit exceeded")

    assert (found.total_seconds() if found else None) == waits_s
