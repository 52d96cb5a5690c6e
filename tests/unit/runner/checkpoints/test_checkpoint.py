"""Checkpoints: real git through a real supervisor; what one clone had not committed is there in another."""

import os
import subprocess

import pytest

from errand_runner import checkpoint
from errand_runner.checkpoint import ref_of
from tests.unit.runner.checkpoints.clones import BRANCH, TASK, commit, git, saved, status


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
