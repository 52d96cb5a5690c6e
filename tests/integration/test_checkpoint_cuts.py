"""A checkpoint is cut off before and after each command of it: nothing is lost, nothing is there twice."""

import shutil
import subprocess

import pytest
import pytest_asyncio

from errand_runner.checkpoint import ref_of
from errand_runner.outage import GitHost
from errand_runner.sandbox.supervisor import SandboxGone
from errand_runner.workspace import Workspace
from tests.unit.runner.local_supervisor import local_supervisor

pytestmark = pytest.mark.asyncio(loop_scope="module")

TASK, BRANCH = "tsk_1", "errand/tsk_1"
COMMANDS = ("ls-files", "add", "write-tree", "cat-file", "commit-tree", "push", "update-ref")

# Kills the supervisor of whoever runs git for the Nth time, and who asked for it, before or after git did its work.
CUTTING_GIT = """#!/bin/sh
echo "$*" >> {folder}/ran
cut() {{
    [ "$(wc -l < {folder}/ran) $1" = "{number} {when}" ] || return
    top=$PPID
    while up=$(cut_parent $top) && grep -q guest- /proc/$up/cmdline; do top=$up; done
    kill -KILL $top $PPID
    exit 1
}}
cut_parent() {{ sed -n 's/^PPid:[[:space:]]*//p' /proc/$1/status; }}
cut before
{git} "$@"
status=$?
cut after
exit $status
"""


def git(*arguments, cwd):
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@localhost", *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


def workspace(supervisor, folder, name):
    (folder / name).mkdir(exist_ok=True)
    return Workspace(
        supervisor,
        remote_url=str(folder / "origin.git"),
        branch=BRANCH,
        default_branch="trunk",
        host=GitHost(),
        task_id=TASK,
        workspace_id=f"wsp_{name}",
        earlier=True,
        folder=str(folder / name / "repo"),
    )


async def save(supervisor, folder):
    checkpoints = workspace(supervisor, folder, "one").checkpoints
    if (taken := await checkpoints.take()) is not None:
        await checkpoints.push(taken)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory):
    """A task's clone with a checkpoint of its last turn, and what this one left uncommitted."""
    folder = tmp_path_factory.mktemp("world")
    seed = folder / "seed"
    seed.mkdir()
    git("init", "--quiet", "--initial-branch=trunk", cwd=seed)
    (seed / "file").write_text("first\n")
    git("add", ".", cwd=seed)
    git("commit", "--quiet", "--message=first", cwd=seed)
    git("clone", "--quiet", "--bare", str(seed), str(folder / "origin.git"), cwd=folder)
    async with local_supervisor(folder) as supervisor:
        await workspace(supervisor, folder, "one").prepare()
        (folder / "one" / "repo" / "earlier").write_text("of the turn before\n")
        await save(supervisor, folder)
    (folder / "one" / "repo" / "file").write_text("otherwise\n")
    (folder / "one" / "repo" / "new").write_text("new\n")
    return folder


@pytest.fixture
def folder(world, tmp_path):
    """The same for one test; its clone and its git host are its own."""
    shutil.copytree(world, tmp_path / "w", symlinks=True)
    git("remote", "set-url", "origin", str(tmp_path / "w" / "origin.git"), cwd=tmp_path / "w" / "one" / "repo")
    return tmp_path / "w"


def cutting(folder, number, when):
    """A PATH on which git is cut off when it runs for the Nth time."""
    shims = folder / "shims"
    shims.mkdir()
    found = shutil.which("git")
    (shims / "git").write_text(CUTTING_GIT.format(folder=shims, number=number, when=when, git=found))
    (shims / "git").chmod(0o755)
    return f"{shims}:/usr/local/bin:/usr/bin:/bin"


def own(folder):
    """What is the model's: its index, its branches, its files."""
    repo = folder / "one" / "repo"
    files = {path.name: path.read_bytes() for path in repo.iterdir() if path.is_file()}
    return (repo / ".git" / "index").read_bytes(), git("for-each-ref", "refs/heads", cwd=repo), files


async def check_elsewhere(folder):
    async with local_supervisor(folder) as supervisor:
        await workspace(supervisor, folder, "two").prepare()
    one, two = folder / "one" / "repo", folder / "two" / "repo"
    assert git("status", "--porcelain", cwd=two) == "M file\n?? earlier\n?? new"
    assert git("rev-parse", "HEAD", cwd=two) == git("rev-parse", "HEAD", cwd=one)
    assert (two / "file").read_text() == "otherwise\n"
    assert git("for-each-ref", "--format=%(refname)", cwd=folder / "origin.git") == f"{ref_of(TASK)}\nrefs/heads/trunk"
    assert git("rev-list", "--count", f"refs/heads/trunk..{ref_of(TASK)}", cwd=folder / "origin.git") == "1"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, len(COMMANDS) + 1))
async def test_one_that_is_cut_off_is_made_again(folder, number, when):
    before = own(folder)
    with pytest.raises(SandboxGone):
        async with local_supervisor(folder, PATH=cutting(folder, number, when)) as supervisor:
            await save(supervisor, folder)
    assert (folder / "shims" / "ran").read_text().count("\n") == number

    async with local_supervisor(folder) as supervisor:
        assert await workspace(supervisor, folder, "one").take_up()
        assert own(folder) == before
        await save(supervisor, folder)
        assert own(folder) == before
        assert await workspace(supervisor, folder, "one").checkpoints.take() is None
    await check_elsewhere(folder)


async def test_no_other_commands_are_run_than_those(folder):
    async with local_supervisor(folder, PATH=cutting(folder, 0, "before")) as supervisor:
        await save(supervisor, folder)
    ran = (folder / "shims" / "ran").read_text().splitlines()
    assert [next(word for word in line.split() if word in COMMANDS) for line in ran] == list(COMMANDS)
    await check_elsewhere(folder)


async def test_the_next_attempt_here_goes_on_with_what_was_not_kept(folder):
    with pytest.raises(SandboxGone):
        async with local_supervisor(folder, PATH=cutting(folder, 6, "after")) as supervisor:
            await save(supervisor, folder)
    (folder / "one" / "repo" / "later").write_text("since\n")

    async with local_supervisor(folder) as supervisor:
        footing = await workspace(supervisor, folder, "one").prepare()

    assert not footing.fresh
    assert (folder / "one" / "repo" / "later").read_text() == "since\n"
