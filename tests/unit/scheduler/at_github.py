"""A repository at GitHub with a task's branch, one commit ahead."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.standins.github import GitHubStandin
from tests.standins.github.git import git

REPOSITORY, BRANCH = "octo/demo", "errand/tsk_1"


@asynccontextmanager
async def github_with_branch(root: Path) -> AsyncIterator[GitHubStandin]:
    async with GitHubStandin(root) as standin:
        standin.add_user("octo")
        await standin.add_repository(REPOSITORY, {"README.md": b"# Demo\n"})
        standin.grant("octo", REPOSITORY, "push")
        await commit(standin.directory(REPOSITORY), "First")
        yield standin


async def commit(directory: Path, message: str) -> str:
    """One more commit on the task's branch."""
    there = await git("for-each-ref", f"refs/heads/{BRANCH}", directory=directory)
    parent = BRANCH if there else "main"
    made = await git("commit-tree", f"{parent}^{{tree}}", "-p", parent, "-m", message, directory=directory)
    await git("update-ref", f"refs/heads/{BRANCH}", made, directory=directory)
    return made
