"""Checkpoints: real git through a real supervisor; what one clone had not committed is there in another."""

import os
import subprocess

import pytest

from errand_runner import checkpoint
from errand_runner.checkpoint import found_in, ref_of
from errand_runner.git import GitFailed
from errand_runner.outage import GitHost
from errand_runner.workspace import Workspace

TASK = "tsk_1"
BRANCH = "errand/tsk_1"


def git(*arguments, cwd):
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@localhost", *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder, message):
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "--allow-empty", f"--message={message}", cwd=folder)


@pytest.fixture
def origin(tmp_path):
    """A bare repository with one commit on `trunk`."""
    seed = tmp_path / "seed"
    seed.mkdir()
    git("init", "--quiet", "--initial-branch=trunk", cwd=seed)
    (seed / ".gitignore").write_text("ignored\n")
    for name in ("changed", "removed", "staged"):
        (seed / name).write_text(f"{name}\n")
    commit(seed, "first")
    git("clone", "--quiet", "--bare", str(seed), str(tmp_path / "origin.git"), cwd=tmp_path)
    return tmp_path / "origin.git"


@pytest.fixture
def host(supervisor, origin, tmp_path):
    """Gives the task's workspace on a host of that name."""

    def on(name, *, head="", checkpoint_commit="", earlier=True):
        (tmp_path / name).mkdir(exist_ok=True)
        return Workspace(
            supervisor,
            remote_url=str(origin),
            branch=BRANCH,
            default_branch="trunk",
            host=GitHost(),
            task_id=TASK,
            workspace_id=f"wsp_{name}",
            head=head,
            checkpoint_commit=checkpoint_commit,
            earlier=earlier,
            folder=str(tmp_path / name / "repo"),
        )

    return on


async def saved(workspace):
    taken = await workspace.checkpoints.take()
    assert taken is not None
    await workspace.checkpoints.push(taken)
    return taken


def status(folder):
    return git("status", "--porcelain", "--untracked-files=all", cwd=folder).splitlines()


async def test_what_was_not_committed_is_not_committed_elsewhere(host, tmp_path):
    await host("one").prepare()
    one, two = tmp_path / "one" / "repo", tmp_path / "two" / "repo"
    commit(one, "mine")
    (one / "changed").write_text("otherwise\n")
    (one / "removed").unlink()
    (one / "staged").write_text("staged\n" * 2)
    git("add", "staged", cwd=one)
    (one / "new" / "deep").mkdir(parents=True)
    (one / "new" / "deep" / "tool").write_text("#!/bin/sh\n")
    (one / "new" / "deep" / "tool").chmod(0o755)
    (one / "new" / "link").symlink_to("../changed")
    (one / os.fsdecode(b"caf\xe9 \n")).write_text("a name of bytes\n")
    (one / "ignored").write_text("not kept\n")

    await saved(host("one"))
    footing = await host("two").prepare()

    assert git("symbolic-ref", "HEAD", cwd=two) == f"refs/heads/{BRANCH}"
    assert git("rev-parse", "HEAD", cwd=two) == git("rev-parse", "HEAD", cwd=one)
    assert status(two) == [line.replace("M  staged", " M staged") for line in status(one)]
    assert (two / "staged").read_text() == "staged\n" * 2
    assert (two / "new" / "deep" / "tool").stat().st_mode & 0o111
    assert (two / "new" / "link").readlink() == (one / "new" / "link").readlink()
    assert (two / os.fsdecode(b"caf\xe9 \n")).read_text() == "a name of bytes\n"
    assert not (two / "removed").exists()
    assert not (two / "ignored").exists()
    assert footing.restored is not None


async def test_the_models_own_index_and_branches_stay_as_they_are_while_git_is_at_work(host, tmp_path):
    await host("one").prepare()
    one = tmp_path / "one" / "repo"
    (one / "staged").write_text("more\n")
    git("add", "staged", cwd=one)
    (one / "changed").write_text("otherwise\n")
    (one / ".git" / "index.lock").touch()
    before = (one / ".git" / "index").read_bytes(), git("for-each-ref", "refs/heads", cwd=one)

    await saved(host("one"))

    assert before == ((one / ".git" / "index").read_bytes(), git("for-each-ref", "refs/heads", cwd=one))
    assert (one / ".git" / "index.lock").exists()
    assert [path.name for path in (one / ".git").glob("errand*")] == []


async def test_what_the_git_host_has_is_not_kept_again(host, origin, tmp_path):
    workspace = host("one")
    await workspace.prepare()
    assert await workspace.checkpoints.take() is None

    (tmp_path / "one" / "repo" / "new").write_text("new\n")
    first = await saved(workspace)
    assert await workspace.checkpoints.take() is None

    commit(tmp_path / "one" / "repo", "the same, committed")
    second = await saved(workspace)
    assert git("rev-parse", ref_of(TASK), cwd=origin) == second.commit
    assert first.head != second.head
    assert git("for-each-ref", "--format=%(refname)", cwd=origin).splitlines() == [
        ref_of(TASK),
        "refs/heads/trunk",
    ]


async def test_what_is_taken_back_is_taken_back_in_the_checkpoint_too(host, origin, tmp_path):
    workspace = host("one")
    await workspace.prepare()
    (tmp_path / "one" / "repo" / "new").write_text("new\n")
    await saved(workspace)
    (tmp_path / "one" / "repo" / "new").unlink()

    await saved(workspace)

    assert git("diff", "--stat", f"{ref_of(TASK)}^", ref_of(TASK), cwd=origin) == ""


async def test_a_file_that_is_ignored_since_is_no_longer_kept(host, origin, tmp_path):
    workspace = host("one")
    await workspace.prepare()
    (tmp_path / "one" / "repo" / "log").write_text("new\n")
    await saved(workspace)
    (tmp_path / "one" / "repo" / ".gitignore").write_text("log\n")

    await saved(workspace)

    assert git("ls-tree", "--name-only", ref_of(TASK), "log", cwd=origin) == ""


async def test_a_file_that_is_too_large_is_left_out_and_told(host, origin, tmp_path):
    workspace = host("one")
    await workspace.prepare()
    one = tmp_path / "one" / "repo"
    for name in ("large*", "changed"):
        with (one / name).open("w") as file:
            file.truncate(checkpoint.FILE_BYTES + 1)
    (one / "small").write_text("small\n")

    taken = await saved(workspace)

    assert (taken.left_out_count, taken.left_out) == (2, "large* (50 MiB), changed (50 MiB)")
    assert git("ls-tree", "--name-only", ref_of(TASK), "large*", "small", cwd=origin) == "small"
    assert git("show", f"{ref_of(TASK)}:changed", cwd=origin) == "changed"


async def test_of_what_is_too_much_together_the_smallest_are_kept(supervisor, host, tmp_path):
    workspace = host("one")
    await workspace.prepare()
    for number, size in enumerate((300, 100, 200)):
        (tmp_path / "one" / "repo" / f"file{number}").write_text("x" * size)

    taken = await supervisor.look.checkpoint(
        str(tmp_path / "one" / "repo"),
        branch=BRANCH,
        at_host=["refs/errand/kept"],
        message="m",
        file_bytes=1000,
        total_bytes=350,
        timeout_s=20,
    )

    assert taken.left_out == "file0 (too much together)"
    listed = git("ls-tree", "--name-only", taken.commit, cwd=tmp_path / "one" / "repo").splitlines()
    assert {"file1", "file2"} < set(listed)
    assert "file0" not in listed


@pytest.fixture
async def within(host, tmp_path):
    """A repository in the working tree of another."""
    await host("one").prepare()
    folder = tmp_path / "one" / "repo" / "vendor" / "lib"
    folder.mkdir(parents=True)
    git("init", "--quiet", cwd=folder)
    return folder


@pytest.mark.parametrize("commits", [0, 1])
async def test_of_a_repository_within_the_files_are_kept_and_the_rest_is_told(host, within, tmp_path, commits):
    (within / ".gitignore").write_text("built\n")
    (within / "built").write_text("ignored by its own rules\n")
    (within / "removed").write_text("gone since\n")
    (within / "file").write_text("file\n")
    (within / "link").symlink_to("file")
    for _ in range(commits):
        commit(within, "its own")
    (within / "removed").unlink()
    (within / "file").write_text("otherwise\n")
    (within / "deeper").mkdir()
    git("init", "--quiet", cwd=within / "deeper")
    (within.parent / "beside").write_text("kept\n")

    taken = await saved(host("one"))
    await host("two").prepare()

    lib = "vendor/lib/ (a repository of its own: its files alone)"
    assert (taken.left_out_count, taken.left_out) == (1, lib)
    two = tmp_path / "two" / "repo"
    assert status(two) == [f"?? vendor/{name}" for name in ("beside", "lib/.gitignore", "lib/file", "lib/link")]
    assert (two / "vendor" / "lib" / "file").read_text() == "otherwise\n"
    assert not (two / "vendor" / "lib" / ".git").exists()
    assert await host("one").checkpoints.take() is None, "it is the same as before"


async def test_a_repository_within_that_is_too_much_is_left_out_whole_and_the_rest_is_kept(host, within, tmp_path):
    with (within / "large").open("w") as file:
        file.truncate(checkpoint.FILE_BYTES + 1)
    (within / "small").write_text("small\n")
    (within.parent / "beside").write_text("kept\n")

    taken = await saved(host("one"))
    await host("two").prepare()

    assert (taken.left_out_count, taken.left_out) == (1, "vendor/lib/ (a repository of its own)")
    assert status(tmp_path / "two" / "repo") == ["?? vendor/beside"]


async def test_a_repository_within_is_not_committed_as_a_link_that_leads_nowhere(host, within, tmp_path):
    (within / "file").write_text("file\n")
    commit(within, "its own")
    one = tmp_path / "one" / "repo"
    await host("one").commit_rest("nothing else was left")
    assert git("log", "-1", "--format=%s", cwd=one) == "first"
    (within.parent / "beside").write_text("kept\n")

    await host("one").commit_rest("the rest")

    assert git("ls-tree", "-r", "--name-only", "HEAD", "vendor", cwd=one) == "vendor/beside"


async def test_of_a_submodule_it_is_told_that_its_changes_are_not_kept(host, origin, tmp_path):
    workspace = host("one")
    await workspace.prepare()
    one = tmp_path / "one" / "repo"
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(origin), "sub", cwd=one)
    commit(one, "with a submodule")
    assert (await saved(workspace)).left_out_count == 0
    (one / "sub" / "changed").write_text("otherwise\n")
    (one / "new").write_text("new\n")

    taken = await saved(workspace)

    assert taken.left_out == "sub (a repository of its own)"


async def test_a_file_for_a_folder_and_a_link_for_a_folder_are_kept(host, tmp_path):
    workspace = host("one")
    await workspace.prepare()
    one = tmp_path / "one" / "repo"
    for folder in ("a", "b"):
        (one / folder).mkdir()
        (one / folder / "file").write_text("file\n")
    commit(one, "folders")
    for folder in ("a", "b"):
        (one / folder / "file").unlink()
        (one / folder).rmdir()
    (one / "a").write_text("a file now\n")
    (one / "b").symlink_to(".")
    (one / "changed").unlink()
    (one / "changed").mkdir()
    (one / "changed" / "file").write_text("a folder now\n")

    await saved(workspace)
    await host("two").prepare()

    assert status(tmp_path / "two" / "repo") == status(one)
    assert (tmp_path / "two" / "repo" / "a").read_text() == "a file now\n"


async def test_a_merge_under_way_goes_on_elsewhere(host, tmp_path):
    workspace = host("one")
    await workspace.prepare()
    one, two = tmp_path / "one" / "repo", tmp_path / "two" / "repo"
    git("checkout", "--quiet", "-b", "other", cwd=one)
    (one / "changed").write_text("theirs\n")
    commit(one, "theirs")
    git("checkout", "--quiet", BRANCH, cwd=one)
    (one / "changed").write_text("ours\n")
    commit(one, "ours")
    with pytest.raises(subprocess.CalledProcessError):
        git("merge", "other", cwd=one)

    await saved(workspace)
    await host("two").prepare()

    assert "<<<<<<<" in (two / "changed").read_text()
    assert git("rev-parse", "MERGE_HEAD", cwd=two) == git("rev-parse", "other", cwd=one)
    assert status(one) == ["UU changed"]
    commit(two, "merged")
    assert len(git("log", "-1", "--format=%P", cwd=two).split()) == 2


async def test_a_rebase_under_way_loses_neither_the_branch_nor_what_it_made(host, tmp_path):
    workspace = host("one")
    await workspace.prepare()
    one, two = tmp_path / "one" / "repo", tmp_path / "two" / "repo"
    for text in ("first", "second"):
        (one / text).write_text(text)
        commit(one, text)
    (one / "changed").write_text("ours\n")
    commit(one, "ours")
    git("checkout", "--quiet", "-b", "base", "origin/trunk", cwd=one)
    (one / "changed").write_text("base\n")
    commit(one, "base")
    git("checkout", "--quiet", BRANCH, cwd=one)
    with pytest.raises(subprocess.CalledProcessError):
        git("rebase", "base", cwd=one)

    await saved(workspace)
    await host("two").prepare()

    assert git("rev-parse", BRANCH, cwd=two) == git("rev-parse", BRANCH, cwd=one)
    assert git("rev-parse", "HEAD", cwd=two) == git("rev-parse", "HEAD", cwd=one)
    assert git("log", "-1", "--format=%s", "HEAD", cwd=two) == "second"


async def test_a_workspace_that_was_left_behind_is_made_anew(host, tmp_path):
    await host("one").prepare()
    (tmp_path / "one" / "repo" / "work").write_text("first\n")
    await saved(host("one"))
    await host("two").prepare()
    (tmp_path / "two" / "repo" / "work").write_text("second\n")
    await saved(host("two"))
    (tmp_path / "one" / "repo" / "stale").write_text("of nobody's turn\n")

    footing = await host("one").prepare()

    assert (tmp_path / "one" / "repo" / "work").read_text() == "second\n"
    assert not (tmp_path / "one" / "repo" / "stale").exists()
    assert footing.restored is not None


@pytest.mark.parametrize("made_here", [True, False])
async def test_a_workspace_that_is_newer_than_the_checkpoint_stays(host, tmp_path, made_here):
    await host("one").prepare()
    (tmp_path / "one" / "repo" / "work").write_text("first\n")
    await saved(host("one"))
    name = "one" if made_here else "two"
    if not made_here:
        await host("two").prepare()
    (tmp_path / name / "repo" / "work").write_text("newer, not kept\n")

    footing = await host(name).prepare()

    assert (tmp_path / name / "repo" / "work").read_text() == "newer, not kept\n"
    assert footing.restored is None
    assert not footing.fresh


async def test_a_first_attempt_asks_for_no_checkpoint(host, tmp_path):
    await host("one").prepare()
    (tmp_path / "one" / "repo" / "work").write_text("first\n")
    await saved(host("one"))

    footing = await host("two", earlier=False).prepare()

    assert footing.restored is None
    assert not (tmp_path / "two" / "repo" / "work").exists()


async def test_a_checkpoint_that_is_gone_is_told(host, origin, tmp_path):
    await host("one").prepare()
    (tmp_path / "one" / "repo" / "work").write_text("first\n")
    taken = await saved(host("one"))
    git("update-ref", "-d", ref_of(TASK), cwd=origin)

    footing = await host("two", checkpoint_commit=taken.commit).prepare()

    assert (footing.restored, footing.lost) == (None, True)
    assert git("branch", "--show-current", cwd=tmp_path / "two" / "repo") == BRANCH


async def test_what_others_pushed_to_the_branch_is_counted_and_nothing_is_moved(host, origin, tmp_path):
    workspace = host("one")
    await workspace.prepare()
    one = tmp_path / "one" / "repo"
    commit(one, "ours")
    await workspace.push()
    ours = git("rev-parse", "HEAD", cwd=one)
    git("clone", "--quiet", "--branch", BRANCH, str(origin), str(tmp_path / "person"), cwd=tmp_path)
    for number in range(2):
        commit(tmp_path / "person", f"by a person {number}")
    git("push", "--quiet", "origin", BRANCH, cwd=tmp_path / "person")
    theirs = git("rev-parse", f"refs/heads/{BRANCH}", cwd=origin)

    footing = await host("one", head=ours).prepare()

    assert footing.moved is not None
    assert (footing.moved.commit, footing.moved.behind) == (theirs, 2)
    assert git("rev-parse", "HEAD", cwd=one) == ours
    assert git("rev-parse", f"refs/heads/{BRANCH}", cwd=origin) == theirs


async def test_a_branch_that_was_rebased_takes_the_place_of_what_the_task_pushed(host, origin, tmp_path):
    one = tmp_path / "one" / "repo"
    await host("one").prepare()
    commit(one, "ours")
    await host("one").push()
    workspace = host("one", head=git("rev-parse", "HEAD", cwd=one))
    git("commit", "--quiet", "--amend", "--allow-empty", "--message=ours, otherwise", cwd=one)

    await workspace.push()

    assert git("rev-parse", f"refs/heads/{BRANCH}", cwd=origin) == git("rev-parse", "HEAD", cwd=one)


@pytest.mark.parametrize("seen", [False, True])
async def test_a_branch_that_was_rebased_takes_the_place_of_nothing_else(host, origin, tmp_path, seen):
    one = tmp_path / "one" / "repo"
    await host("one").prepare()
    commit(one, "ours")
    await host("one").push()
    workspace = host("one", head=git("rev-parse", "HEAD", cwd=one))
    git("clone", "--quiet", "--branch", BRANCH, str(origin), str(tmp_path / "person"), cwd=tmp_path)
    commit(tmp_path / "person", "by a person")
    git("push", "--quiet", "origin", BRANCH, cwd=tmp_path / "person")
    if seen:
        git("fetch", "--quiet", "origin", cwd=one)
    git("commit", "--quiet", "--amend", "--allow-empty", "--message=ours, otherwise", cwd=one)
    (one / "new").write_text("new\n")
    taken = await workspace.checkpoints.take()

    with pytest.raises(GitFailed, match="rejected"):
        await workspace.push(taken)

    assert git("log", "-1", "--format=%s", f"refs/heads/{BRANCH}", cwd=origin) == "by a person"
    assert git("rev-parse", ref_of(TASK), cwd=origin) == taken.commit, "the work itself is kept"


async def test_a_branch_that_was_removed_at_the_git_host_is_told(host, origin, tmp_path):
    workspace = host("one")
    await workspace.prepare()
    commit(tmp_path / "one" / "repo", "ours")
    await workspace.push()
    ours = git("rev-parse", "HEAD", cwd=tmp_path / "one" / "repo")
    assert (await host("one", head=ours).prepare()).moved is None
    git("update-ref", "-d", f"refs/heads/{BRANCH}", cwd=origin)

    footing = await host("one", head=ours).prepare()

    assert footing.moved is not None
    assert (footing.moved.commit, footing.moved.behind) == ("", 0)
    assert git("rev-parse", "HEAD", cwd=tmp_path / "one" / "repo") == ours


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"main\n",
        b"%s\n\nErrand-On-Branch: yes\n" % (b"a" * 40),
        b"%s\n%s\nsomebody's commit\n" % (b"a" * 40, b"b" * 40),
        b"%s\n--exec=x\nErrand-On-Branch: yes\n" % (b"a" * 40),
    ],
)
def test_what_is_no_checkpoint_is_not_laid_out(said):
    with pytest.raises(GitFailed):
        found_in(said)


def test_a_branch_is_never_put_where_the_checkpoint_does_not_lead():
    found = found_in(b"%s\n%s\nErrand-On-Branch: no\nErrand-Branch-Head: %s\n" % (b"a" * 40, b"b" * 40, b"c" * 40))

    assert found.branch_head == "b" * 40
