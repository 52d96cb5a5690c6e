"""Pull requests over GitHub's wire: what is opened, and what becomes of it where GitHub says no."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from errand_scheduler.github import Proposal, Wire, open_wire
from errand_scheduler.github.pull_requests import NO_DRAFTS, open_pull_request
from tests.standins.github import GitHubStandin
from tests.standins.github.git import git

REPOSITORY = "octo/demo"
BRANCH = "errand/tsk_1"


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[GitHubStandin]:
    """A repository with the task's branch, one commit ahead."""
    async with GitHubStandin(tmp_path) as standin:
        standin.add_user("octo")
        repository = await standin.add_repository(REPOSITORY, {"README.md": b"# Demo\n"})
        standin.grant("octo", REPOSITORY, "push")
        await commit(repository.directory, "First")
        yield standin


@pytest.fixture
def token(github: GitHubStandin) -> str:
    return github.issue_token("octo")


@pytest.fixture
async def wire(github: GitHubStandin) -> AsyncIterator[Wire]:
    async with open_wire(github.api_url) as opened:
        yield opened


async def commit(directory: Path, message: str) -> str:
    """One more commit on the task's branch."""
    there = await git("for-each-ref", f"refs/heads/{BRANCH}", directory=directory)
    parent = BRANCH if there else "main"
    made = await git("commit-tree", f"{parent}^{{tree}}", "-p", parent, "-m", message, directory=directory)
    await git("update-ref", f"refs/heads/{BRANCH}", made, directory=directory)
    return made


def proposal(*, draft: bool = False) -> Proposal:
    return Proposal(REPOSITORY, BRANCH, "main", "Mend it", "It was broken.", draft=draft)


@pytest.mark.parametrize("draft", [False, True])
async def test_it_is_a_draft_where_that_is_asked_for(
    github: GitHubStandin, wire: Wire, token: str, draft: bool
) -> None:
    opened = await open_pull_request(wire, token, proposal(draft=draft))

    assert (opened.draft, opened.remark) == (draft, "")
    assert [pull.draft for pull in github.pull_requests(REPOSITORY)] == [draft]


async def test_where_github_has_no_drafts_an_ordinary_one_is_opened_and_that_is_said(
    github: GitHubStandin, wire: Wire, token: str
) -> None:
    github.forbid_drafts(REPOSITORY)

    opened = await open_pull_request(wire, token, proposal(draft=True))

    assert (opened.draft, opened.remark) == (False, NO_DRAFTS)
    assert [pull.draft for pull in github.pull_requests(REPOSITORY)] == [False]
