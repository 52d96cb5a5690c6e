"""A push that brings a workflow needs a right of its own, with the real git on both ends."""

from pathlib import Path

import pytest

from tests.standins.github import GitHubStandin
from tests.standins.github.git import GitError
from tests.unit.standins.github.conftest import Checkout, cloned

WORKFLOW = ".github/workflows/ci.yml"


async def brought(checkout: Checkout, path: str = WORKFLOW, *, branch: str = "topic") -> Checkout:
    """A commit with a workflow, and one on top of it without."""
    (checkout.folder / path).parent.mkdir(parents=True, exist_ok=True)
    await checkout.commit(path, b"on: push\n", branch=branch)
    await checkout.commit(f"beside-{Path(path).stem}", b"two\n", branch=branch)
    return checkout


async def test_without_the_scope_it_is_refused_in_words_and_the_branch_stays(
    github: GitHubStandin, checkout: Checkout
) -> None:
    await brought(checkout)
    words = f"remote: error: an OAuth App is not allowed to create or change the workflow `{WORKFLOW}`"
    with pytest.raises(GitError, match=rf"{words}(.|\n)*! \[remote rejected\] topic"):
        await checkout.run("push", "origin", "topic")
    assert await checkout.run("ls-remote", "origin", "topic") == ""


async def test_whoever_has_the_scope_pushes_it(github: GitHubStandin, tmp_path: Path) -> None:
    token = github.issue_token("octo", scopes=["repo", "workflow"])
    checkout = await brought(await cloned(github, token, tmp_path / "allowed"))
    await checkout.run("push", "origin", "topic")


async def test_what_another_branch_has_already_is_nothing_new(
    github: GitHubStandin, checkout: Checkout, tmp_path: Path
) -> None:
    allowed = await cloned(github, github.issue_token("octo", scopes=["repo", "workflow"]), tmp_path / "allowed")
    await (await brought(allowed, branch="main")).run("push", "origin", "main")
    await checkout.run("pull", "--quiet", "origin", "main")
    await checkout.commit("three.txt", b"three\n", branch="topic")
    await checkout.run("push", "origin", "topic")
    with pytest.raises(GitError, match="is not allowed to create or change"):
        await (await brought(checkout, ".github/workflows/other.yml")).run("push", "origin", "topic")


async def test_deleting_a_branch_brings_nothing(github: GitHubStandin, checkout: Checkout) -> None:
    await checkout.commit("two.txt", b"two\n", branch="topic")
    await checkout.run("push", "origin", "topic")
    await checkout.run("push", "origin", ":topic")
