"""A workspace is made anew from a checkpoint, and what others did to the branch meanwhile is told."""

import pytest

from errand_runner.checkpoint import found_in, ref_of
from errand_runner.git import GitFailed
from tests.unit.runner.checkpoints.clones import BRANCH, TASK, commit, git, saved


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
