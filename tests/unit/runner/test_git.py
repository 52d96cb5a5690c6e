"""A git that was killed is told from one that had an answer: real git, through a real supervisor."""

import subprocess

import pytest

from errand_runner.git import Git, GitFailed, GitKilled
from errand_runner.outage import GitHost

ITSELF = "!kill -9 $PPID"
WHAT_IT_STARTED = "!kill -9 $$"


@pytest.fixture
def git(supervisor, tmp_path):
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "repo")], check=True)
    return Git(supervisor, str(tmp_path / "repo"), GitHost())


async def does(git, alias):
    await git.run("config", "alias.does", alias)
    await git.reach("does")


@pytest.mark.parametrize("alias", [ITSELF, WHAT_IT_STARTED, "!sh -c 'kill -9 $$'"])
async def test_one_that_was_killed_had_no_answer(git, alias):
    with pytest.raises(GitKilled, match=r"^git does was killed by signal 9, as where memory runs out"):
        await does(git, alias)


@pytest.mark.parametrize(
    "alias", ["!exit 1", "!exit 128", "!exit 129", "!echo 'remote: error: x died of signal 9' >&2; exit 1"]
)
async def test_whatever_else_it_says_is_its_answer(git, alias):
    with pytest.raises(GitFailed) as failed:
        await does(git, alias)
    assert not isinstance(failed.value, GitKilled)


async def test_one_that_did_not_end_in_time_was_not_killed_by_others(git):
    with pytest.raises(GitFailed, match="did not end within") as failed:
        await git.run("-c", "alias.does=!sleep 60", "does", timeout_s=0.2)
    assert not isinstance(failed.value, GitKilled)
