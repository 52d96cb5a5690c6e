"""What a new repository can be made from."""

from pathlib import Path

import pytest

from tests.standins.github import GitHubStandin
from tests.standins.github.git import GitError, git


async def tree(directory: Path, branch: str) -> list[str]:
    return (await git("ls-tree", "-r", "--format=%(objectmode) %(path)", branch, directory=directory)).splitlines()


async def test_files_become_one_commit_ignored_ones_too(github: GitHubStandin) -> None:
    repository = await github.add_repository(
        "octo/files", {".gitignore": b"*.log\n", "a.log": b"a", "b/c": b"c"}, default_branch="trunk"
    )

    assert repository.default_branch == "trunk"
    assert await tree(repository.directory, "trunk") == ["100644 .gitignore", "100644 a.log", "100644 b/c"]
    assert await git("rev-list", "--count", "trunk", directory=repository.directory) == "1"


async def test_a_folder_keeps_its_modes_and_leaves_out_what_it_ignores(github: GitHubStandin, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / ".gitignore").write_text("*.log\n")
    (folder / "a.log").write_text("a")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)

    repository = await github.add_repository("octo/folder", folder)

    assert await tree(repository.directory, "main") == ["100644 .gitignore", "100755 run.sh"]
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "a.log", "run.sh"]


@pytest.mark.parametrize("as_url", [False, True])
async def test_another_repository_is_copied_with_its_branches(
    github: GitHubStandin, tmp_path: Path, as_url: bool
) -> None:
    source = (await github.add_repository("octo/source", {"a": b"a"}, default_branch="trunk")).directory
    await git("branch", "side", "trunk", directory=source)
    await git("update-ref", "refs/pull/1/head", "trunk", directory=source)

    copy = await github.add_repository("octo/copy", source.as_uri() if as_url else source)

    assert copy.default_branch == "trunk"
    references = await git("for-each-ref", "--format=%(refname)", directory=copy.directory)
    assert references.splitlines() == ["refs/heads/side", "refs/heads/trunk"]
    assert await copy.branch_commit("side") == await git("rev-parse", "trunk", directory=source)


async def test_a_source_that_is_not_there_adds_nothing(github: GitHubStandin, tmp_path: Path) -> None:
    with pytest.raises(GitError, match="does not appear to be a git repository"):
        await github.add_repository("octo/copy", (tmp_path / "absent.git").as_uri())
    with pytest.raises(ValueError, match="no repository octo/copy"):
        github.grant("octo", "octo/copy", "read")


@pytest.mark.parametrize("name", ["demo", "octo/../demo", "octo/..", "../demo", "octo/demo.git", "a/b/c", "-x/demo"])
async def test_a_name_that_could_leave_the_root_is_refused(github: GitHubStandin, name: str) -> None:
    with pytest.raises(ValueError, match="is not of the form owner/name"):
        await github.add_repository(name, {"a": b"a"})


async def test_a_name_is_taken_once_whatever_its_case(github: GitHubStandin) -> None:
    with pytest.raises(ValueError, match="already there"):
        await github.add_repository("Octo/Demo", {"a": b"a"})
