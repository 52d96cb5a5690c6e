"""A clone of one pushed commit in a sandbox of its own, as whoever gets the branch from the git host has it."""

from pathlib import PurePosixPath

from errand_runner.broker.broker import Broker
from errand_runner.clone import AUTHOR, CLONE_S
from errand_runner.git import GIT_S, Git, commit_in
from errand_runner.live import Say
from errand_runner.sandbox.supervisor import Supervisor
from errand_runner.workspace import REPOSITORY, config_of


async def clone_commit(
    supervisor: Supervisor, broker: Broker, *, branch: str, commit: str, say: Say, folder: str = REPOSITORY
) -> None:
    """Clone, with the branch at the commit, wherever it was moved since. May be done again. Raises GitFailed, HostAway
    and FileError."""
    parent = str(PurePosixPath(folder).parent)
    await supervisor.write(config_of(folder), broker.git_config.encode())
    await supervisor.capture(["rm", "-rf", folder], cwd=parent, timeout_s=GIT_S)
    git = Git(supervisor, folder, broker.host)
    author = [f"--config={key}={value}" for key, value in AUTHOR.items()]
    what = ("--no-tags", "--branch", branch, broker.remote_url, folder)
    await git.reach("clone", "--progress", *author, *what, cwd=parent, timeout_s=CLONE_S, say=say)
    if commit_in((await git.run("rev-parse", "HEAD")).stdout) != commit:
        await git.run("checkout", "--quiet", "-B", branch, commit, timeout_s=CLONE_S)
