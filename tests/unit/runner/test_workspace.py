"""The clone in a sandbox: real git through a real supervisor, with a bare repository on the other side."""

import subprocess

import pytest

from errand_runner.agent.prompt import GUIDE_CHARS
from errand_runner.clone import NothingToStartFrom
from errand_runner.git import GitFailed
from errand_runner.outage import GitHost
from errand_runner.workspace import Workspace

BRANCH = "errand/tsk_1"


def git(*arguments, cwd):
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@localhost", *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def origin(tmp_path):
    """A bare repository with one commit on `trunk`."""
    seed = tmp_path / "seed"
    seed.mkdir()
    git("init", "--quiet", "--initial-branch=trunk", cwd=seed)
    (seed / "AGENTS.md").write_text("Run make test.\n")
    git("add", ".", cwd=seed)
    git("commit", "--quiet", "--message=first", cwd=seed)
    git("clone", "--quiet", "--bare", str(seed), str(tmp_path / "origin.git"), cwd=tmp_path)
    return tmp_path / "origin.git"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "work" / "repo"


@pytest.fixture
def workspace(supervisor, origin, folder):
    folder.parent.mkdir()
    return Workspace(
        supervisor,
        remote_url=str(origin),
        branch=BRANCH,
        default_branch="trunk",
        host=GitHost(),
        task_id="tsk_1",
        workspace_id="wsp_1",
        folder=str(folder),
    )


async def test_a_clone_starts_the_tasks_branch_from_the_default_branch(workspace, folder):
    await workspace.prepare()

    assert git("branch", "--show-current", cwd=folder) == BRANCH
    assert await workspace.guides() == {"AGENTS.md": "Run make test.\n"}
    changes = await workspace.changes()
    assert (changes.commits, changes.files, changes.insertions) == (0, 0, 0)


async def test_of_a_long_guide_more_is_read_than_claude_is_given_whatever_its_letters(workspace, folder):
    await workspace.prepare()
    (folder / "AGENTS.md").write_text("\N{GLOBE WITH MERIDIANS}" * 40_000)
    assert GUIDE_CHARS < len((await workspace.guides())["AGENTS.md"]) < 40_000


async def test_what_was_left_uncommitted_is_committed_and_pushed(workspace, origin, folder):
    await workspace.prepare()
    (folder / "AGENTS.md").write_text("Run make check.\n")
    (folder / "new.txt").write_text("one\ntwo\n")

    await workspace.commit_rest("Leave off")
    changes = await workspace.changes()
    await workspace.push()

    assert (changes.commits, changes.files, changes.insertions, changes.deletions) == (1, 2, 3, 1)
    assert git("rev-parse", BRANCH, cwd=origin) == changes.commit == await workspace.pushed_commit()
    assert git("log", "-1", "--format=%an <%ae> %s", BRANCH, cwd=origin) == "Errand <errand@localhost> Leave off"


async def test_files_that_git_lfs_keeps_are_noticed(workspace, folder):
    await workspace.prepare()
    assert not await workspace.uses_lfs()
    (folder / ".gitattributes").write_text("# *.iso filter=lfs\n*.md text\n")
    assert not await workspace.uses_lfs()
    (folder / ".gitattributes").write_text("*.md text\n*.bin filter=lfs diff=lfs merge=lfs -text\n")
    assert await workspace.uses_lfs()


async def test_a_clean_tree_makes_no_commit(workspace):
    await workspace.prepare()

    await workspace.commit_rest("Leave off")

    assert (await workspace.changes()).commits == 0


async def test_a_second_attempt_takes_up_the_clone_with_its_commits(workspace, folder):
    await workspace.prepare()
    (folder / "new.txt").write_text("kept")
    await workspace.commit_rest("First attempt")

    await workspace.prepare()

    assert (folder / "new.txt").read_text() == "kept"
    assert (await workspace.changes()).commits == 1


async def test_another_host_goes_on_from_the_pushed_branch(workspace, supervisor, origin, folder, tmp_path):
    await workspace.prepare()
    (folder / "new.txt").write_text("pushed")
    await workspace.commit_rest("First attempt")
    await workspace.push()
    (tmp_path / "other").mkdir()
    elsewhere = Workspace(
        supervisor,
        remote_url=str(origin),
        branch=BRANCH,
        default_branch="trunk",
        host=GitHost(),
        task_id="tsk_1",
        workspace_id="wsp_1",
        folder=str(tmp_path / "other" / "repo"),
    )

    await elsewhere.prepare()

    assert (tmp_path / "other" / "repo" / "new.txt").read_text() == "pushed"


async def test_commits_of_others_are_never_pushed_over(workspace, origin, folder, tmp_path):
    await workspace.prepare()
    git("clone", "--quiet", str(origin), str(tmp_path / "person"), cwd=tmp_path)
    git("checkout", "--quiet", "-b", BRANCH, cwd=tmp_path / "person")
    git("commit", "--quiet", "--allow-empty", "--message=by a person", cwd=tmp_path / "person")
    git("push", "--quiet", "origin", BRANCH, cwd=tmp_path / "person")
    (folder / "new.txt").write_text("ours")
    await workspace.commit_rest("Ours")

    with pytest.raises(GitFailed, match="rejected"):
        await workspace.push()

    assert git("log", "-1", "--format=%s", BRANCH, cwd=origin) == "by a person"


async def test_a_repository_that_is_not_there_says_what_git_said(supervisor, tmp_path):
    missing = Workspace(
        supervisor,
        remote_url=str(tmp_path / "none.git"),
        branch=BRANCH,
        default_branch="main",
        host=GitHost(),
        task_id="tsk_1",
        workspace_id="wsp_1",
        folder=str(tmp_path / "repo"),
    )

    with pytest.raises(GitFailed, match=r"git clone: .*none\.git"):
        await missing.prepare()


async def test_a_lock_that_a_killed_git_left_does_not_hold_up_the_work(workspace, folder):
    await workspace.prepare()
    (folder / "new.txt").write_text("kept")
    (folder / ".git" / "index.lock").touch()
    await workspace.commit_rest("Leave off")
    (folder / ".git" / "HEAD.lock").touch()

    await workspace.prepare()

    assert (await workspace.changes()).commits == 1


async def test_a_clone_that_was_broken_off_is_made_anew(workspace, folder):
    part = folder.with_name("repo.part")
    git("init", "--quiet", str(part), cwd=folder.parent)

    await workspace.prepare()

    assert git("branch", "--show-current", cwd=folder) == BRANCH
    assert not part.exists()


async def test_an_empty_repository_asks_for_a_first_commit(workspace, origin):
    git("update-ref", "-d", "refs/heads/trunk", cwd=origin)

    with pytest.raises(NothingToStartFrom, match="push a first commit, then send the task on"):
        await workspace.prepare()


async def test_a_default_branch_that_was_renamed_is_told_with_its_new_name(workspace, origin):
    git("branch", "--move", "trunk", "next", cwd=origin)

    with pytest.raises(NothingToStartFrom, match=r"branch trunk, .* is gone, and its default branch is now next"):
        await workspace.prepare()


async def test_a_clone_that_was_made_before_the_renaming_says_so_too(workspace, origin):
    await workspace.prepare()
    git("branch", "--move", "trunk", "next", cwd=origin)

    with pytest.raises(NothingToStartFrom, match="its default branch is now next"):
        await workspace.prepare()
