"""Clones of one repository, and what git says of them."""

import subprocess

TASK = "tsk_1"
BRANCH = "errand/tsk_1"


def git(*arguments, cwd):
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@localhost", *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder, message):
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "--allow-empty", f"--message={message}", cwd=folder)


async def saved(workspace):
    taken = await workspace.checkpoints.take()
    assert taken is not None
    await workspace.checkpoints.push(taken)
    return taken


def status(folder):
    return git("status", "--porcelain", "--untracked-files=all", cwd=folder).splitlines()
