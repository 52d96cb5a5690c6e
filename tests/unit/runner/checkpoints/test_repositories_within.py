"""Checkpoints of a repository that holds others."""

import pytest

from errand_runner import checkpoint
from tests.unit.runner.checkpoints.clones import commit, git, saved, status


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
