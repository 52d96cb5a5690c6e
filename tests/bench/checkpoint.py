"""What a checkpoint costs on 10,000 files of which 10 changed, beside `git stash create` on the host."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from errand_runner.checkpoint import Checkpoints
from errand_runner.git import Git
from tests.bench.rows import Table
from tests.demo.stack import image_tag
from tests.integration.brokering import BRANCH, Lender, make_broker, open_sandbox
from tests.integration.git_backend import serve

STASH = "git stash create, 10,000 files, 10 changed, on the host"
FOLDER = "/workspace/repo"

_MAKE = """
import os, subprocess
os.mkdir("repo")
os.chdir("repo")
for number in range(10_000):
    folder = f"folder{number // 100}"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/file{number}", "w") as file:
        file.write(f"line {number}\\n" * 40)
git = ["git", "-c", "user.name=A", "-c", "user.email=a@localhost"]
for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"], ["checkout", "-qb", "errand/tsk_1"]):
    subprocess.run([*git, *command], check=True)
"""
_CHANGE = """
import sys
for number in range(0, 10_000, 1000):
    with open(f"repo/folder{number // 100}/file{number}", "a") as file:
        file.write(f"changed {sys.argv[1]}\\n")
"""


async def measure_checkpoints(table: Table, rounds: int) -> None:
    """Each round: the same ten files change on the host and in a sandbox, and each keeps what it has."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            serve(folder / "git", password="lent") as backend,
            make_broker(folder, backend, Lender(["lent"])) as broker,
            open_sandbox(folder, image_tag()) as sandbox,
        ):
            subprocess.run([sys.executable, "-c", _MAKE], cwd=folder, check=True)
            made = await sandbox.supervisor.capture(["python3", "-c", _MAKE], cwd="/workspace", timeout_s=120)
            assert made.exit.code == 0, made.stderr
            git = Git(sandbox.supervisor, FOLDER, broker.host)
            await git.run("remote", "add", "origin", broker.remote_url)
            checkpoints = Checkpoints(
                sandbox.supervisor,
                git,
                folder=FOLDER,
                task_id="tsk_1",
                branch=BRANCH,
                default_branch="main",
                workspace_id="wsp_1",
            )
            for number in range(-1, rounds):
                subprocess.run([sys.executable, "-c", _CHANGE, str(number)], cwd=folder, check=True)
                change = ["python3", "-c", _CHANGE, str(number)]
                await sandbox.supervisor.capture(change, cwd="/workspace", timeout_s=60)
                # The first brings everything to the git host.
                await _round(table if number >= 0 else Table(), folder / "repo", checkpoints)


async def _round(table: Table, repository: Path, checkpoints: Checkpoints) -> None:
    stash = ["git", "-c", "user.name=A", "-c", "user.email=a@localhost", "stash", "create"]
    started_s = time.perf_counter()
    subprocess.run(stash, cwd=repository, check=True, capture_output=True)
    table.add(STASH, 1000 * (time.perf_counter() - started_s), unit="ms")

    started_s = time.perf_counter()
    taken = await checkpoints.take()
    table.add(
        "checkpoint of the same, made in a sandbox",
        1000 * (time.perf_counter() - started_s),
        unit="ms",
        peer=STASH,
        goal="3 or less",
    )
    assert taken is not None
    started_s = time.perf_counter()
    await checkpoints.push(taken)
    table.add("that checkpoint pushed through the broker", 1000 * (time.perf_counter() - started_s), unit="ms")
