"""Pull requests over GitHub's wire: what is opened, and what becomes of it where GitHub says no."""

import httpx2
import pytest

from errand_common.errors import Denied, Invalid
from errand_scheduler.github import GitHubUnavailable, Proposal, Wanted, Wire
from errand_scheduler.github.pull_requests import NO_DRAFTS, settle
from tests.patience import ANSWER_S
from tests.standins.github import GitHubStandin
from tests.standins.github.git import git
from tests.unit.scheduler.at_github import BRANCH, REPOSITORY, commit

WANTED = Wanted("Mend it", "It was broken.", "facts", chosen=True, attempt=1)
LATER = Wanted("Mend all", "All was broken.", "facts", chosen=True, attempt=2)


def proposal(wanted: Wanted = WANTED, *, draft: bool = False, before: bool = False, commit: str = "") -> Proposal:
    return Proposal(REPOSITORY, BRANCH, "main", commit, wanted, draft=draft, before=before)


async def close(github: GitHubStandin, token: str) -> None:
    """The first pull request, by its owner."""
    async with httpx2.AsyncClient(base_url=github.api_url, trust_env=False, timeout=ANSWER_S) as client:
        path = f"/repos/{REPOSITORY}/pulls/1"
        await client.patch(path, json={"state": "closed"}, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("draft", [False, True])
async def test_it_is_a_draft_where_that_is_asked_for(
    github: GitHubStandin, wire: Wire, token: str, draft: bool
) -> None:
    opened = await settle(wire, token, proposal(draft=draft))

    assert (opened.draft, opened.remark) == (draft, "")
    assert [pull.draft for pull in github.pull_requests(REPOSITORY)] == [draft]


async def test_where_github_has_no_drafts_an_ordinary_one_is_opened_and_that_is_said(
    github: GitHubStandin, wire: Wire, token: str
) -> None:
    github.forbid_drafts(REPOSITORY)

    opened = await settle(wire, token, proposal(draft=True))

    assert (opened.draft, opened.remark) == (False, NO_DRAFTS)
    assert [pull.draft for pull in github.pull_requests(REPOSITORY)] == [False]


@pytest.mark.parametrize("before", [False, True])
async def test_what_is_open_is_brought_up_to_date_whether_its_answer_was_lost_or_not(
    github: GitHubStandin, wire: Wire, token: str, before: bool
) -> None:
    first = await settle(wire, token, proposal())
    again = await settle(wire, token, proposal(LATER, before=before))

    assert again == first
    (pull,) = github.pull_requests(REPOSITORY)
    assert (pull.title, "All was broken." in str(pull.body)) == ("Mend all", True)


async def test_one_that_is_as_it_is_to_be_is_not_written_again(github: GitHubStandin, wire: Wire, token: str) -> None:
    await settle(wire, token, proposal())
    (written,) = github.pull_requests(REPOSITORY)
    await settle(wire, token, proposal(before=True))
    assert github.pull_requests(REPOSITORY) == [written]


async def test_a_closed_one_is_left_until_something_new_was_pushed_and_then_followed(
    github: GitHubStandin, wire: Wire, token: str
) -> None:
    first = await settle(wire, token, proposal())
    commit_before = github.pull_requests(REPOSITORY)[0].head_commit
    await close(github, token)

    left = await settle(wire, token, proposal(LATER, before=True, commit=commit_before))
    assert (left.url, left.remark) == (first.url, "pull request #1 was closed, and nothing was committed since")

    newer = await commit(github.directory(REPOSITORY), "Second")
    followed = await settle(wire, token, proposal(LATER, before=True, commit=newer))
    assert (followed.number, followed.remark) == (2, "#1 was closed, so this one follows it")


async def test_one_that_somebody_wrote_is_found_and_its_words_stay(
    github: GitHubStandin, wire: Wire, token: str
) -> None:
    async with httpx2.AsyncClient(base_url=github.api_url, trust_env=False, timeout=ANSWER_S) as client:
        theirs = {"title": "Theirs", "body": "Mine alone.", "head": BRANCH, "base": "main"}
        headers = {"Authorization": f"Bearer {token}"}
        await client.post(f"/repos/{REPOSITORY}/pulls", json=theirs, headers=headers)

    found = await settle(wire, token, proposal())

    assert (found.number, "somebody else" in found.remark) == (1, True)
    assert [(pull.title, pull.body) for pull in github.pull_requests(REPOSITORY)] == [("Theirs", "Mine alone.")]


async def test_where_the_base_has_it_all_there_is_nothing_to_open(
    github: GitHubStandin, wire: Wire, token: str
) -> None:
    await git("update-ref", "refs/heads/main", BRANCH, directory=github.directory(REPOSITORY))

    nothing = await settle(wire, token, proposal())

    assert (nothing.url, "main has all of" in nothing.remark) == ("", True)


async def test_a_base_that_is_gone_is_named(github: GitHubStandin, wire: Wire, token: str) -> None:
    await git("update-ref", "-d", "refs/heads/main", directory=github.directory(REPOSITORY))

    with pytest.raises(Invalid, match="the base branch main is gone at GitHub"):
        await settle(wire, token, proposal())


async def test_an_archived_repository_says_what_helps(github: GitHubStandin, wire: Wire, token: str) -> None:
    github.deny_next(403, "Repository was archived so is read-only.")
    with pytest.raises(Denied, match="octo/demo is archived at GitHub; unarchive it there"):
        await settle(wire, token, proposal())


@pytest.mark.parametrize("status", [403, 404])
async def test_a_missing_permission_is_named(github: GitHubStandin, wire: Wire, token: str, status: int) -> None:
    github.deny_next(status, "Resource not accessible by integration")
    with pytest.raises(Denied, match="needs Pull requests: write") as denied:
        await settle(wire, token, proposal())
    assert denied.value.reason == "NO_PUSH_RIGHT"


@pytest.mark.parametrize(
    ("status", "message", "headers", "wait_s"),
    [
        (429, "Slow down", {"Retry-After": "7"}, 7),
        (403, "You have exceeded a secondary rate limit. Please wait.", {}, 60),
    ],
)
async def test_a_limit_passes_and_says_how_long_it_lasts(
    github: GitHubStandin, wire: Wire, token: str, status: int, message: str, headers: dict[str, str], wait_s: int
) -> None:
    github.deny_next(status, message, headers)
    with pytest.raises(GitHubUnavailable) as away:
        await settle(wire, token, proposal())
    waits = away.value.retry_after
    assert waits is not None
    assert waits.total_seconds() == wait_s


async def test_words_that_may_not_be_changed_are_no_more_than_a_remark(
    github: GitHubStandin, wire: Wire, token: str
) -> None:
    first = await settle(wire, token, proposal())
    github.grant("reader", REPOSITORY, "read")

    told = await settle(wire, github.issue_token("reader"), proposal(LATER, before=True))

    assert (told.url, "does not let its words be changed" in told.remark) == (first.url, True)
