"""`make demo` is what a newcomer runs: it ends well, shows everything, and leaves nothing behind."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from tests.demo.stack import ROOT
from tests.standins.claude.scripts import run_command
from tests.standins.claude.server import ClaudeStandin

DEMO_S = 90.0


@pytest.fixture
def room():
    """A temporary folder of the demo's own, short enough for the sockets in it: what is left over is found there."""
    folder = Path(tempfile.mkdtemp(prefix="room-"))
    yield folder
    shutil.rmtree(folder)


async def volumes_while(process, room):
    """The volumes that the runner's book names for as long as the demo runs."""
    found = set()
    while process.returncode is None:
        for path in room.glob("*/runner/workspaces/tsk_*.json"):
            with suppress(OSError):
                found.add(json.loads(path.read_bytes())["workspace_id"])
        await asyncio.sleep(0.1)
    return found


def left_over(room, output, volumes=()):
    """Whatever of a demo still exists: files, processes, the containers of its tasks, and these volumes."""
    found = [str(path) for path in room.iterdir()]
    found += [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if str(room) in text_of(path)]
    for task_id in set(re.findall(r"tsk_[0-9a-z]{26}", output)):
        found += docker_lists("ps", "--all", "--filter", f"label=errand.task={task_id}")
    return found + [name for name in volumes if docker_lists("volume", "ls", "--filter", f"name={name}")]


def docker_lists(*command):
    return subprocess.run(["docker", *command, "--quiet"], check=True, capture_output=True, text=True).stdout.split()


def text_of(path):
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


async def demo(room, *options, **settings):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.demo",
        *options,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "160", "TMPDIR": str(room), **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def test_the_demo_ends_well_and_leaves_nothing_behind(room):
    process = await demo(room)
    async with asyncio.timeout(DEMO_S):
        (said, _), volumes = await asyncio.gather(process.communicate(), volumes_while(process, room))
    output = said.decode()

    assert process.returncode == 0, output
    for expected in (
        r"task  pending",
        r"task  running",
        r"claude  ",
        r"\$ python3 -m pytest -q",
        r"exit code 1 after",
        r"pull request  http",
        r"is on the git side at [0-9a-f]{10}, and its tests pass",
        r"2 files, \+\d+ -\d+",
        r"cost +\$0\.\d+",
        r"container +\d+\.\d\d +\d+\.\d\d",
    ):
        assert re.search(expected, output), f"{expected} is not in\n{output}"
    assert len(volumes) == 1
    assert left_over(room, output, volumes) == []


async def test_ctrl_c_leaves_nothing_behind(room):
    process = await demo(room)
    assert process.stdout is not None
    output = ""
    async with asyncio.timeout(DEMO_S):
        async for line in process.stdout:
            output += line.decode()
            if "attempt  running" in output:
                break
        assert len(left_over(room, output)) > 5
        # An impatient person presses it again while the demo tidies up.
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            await asyncio.sleep(0.3)
        output += (await process.stdout.read()).decode()
        await process.wait()

    assert process.returncode == 130, output
    assert "nothing is left behind" in output
    assert left_over(room, output) == []


async def test_with_a_key_it_works_on_a_copy_of_any_repository(room, tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "README.md").write_text("A project.\n")
    for command in ("init --quiet --initial-branch=trunk", "add .", "commit --quiet --message=first"):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *command.split()], cwd=project, check=True)
    async with ClaudeStandin(run_command.script, key="sk-ant-ours") as claude:
        process = await demo(
            room,
            *("--repo", str(project), "--prompt", "Run: echo done > NEWS.md"),
            ANTHROPIC_API_KEY="sk-ant-ours",
            ANTHROPIC_BASE_URL=claude.url,
        )
        async with asyncio.timeout(DEMO_S):
            output = (await process.communicate())[0].decode()

    assert process.returncode == 0, output
    assert "Added octo/project, which starts from trunk" in output
    assert re.search(r"is on the git side at [0-9a-f]{10}", output)
    assert "+++ b/NEWS.md" in output
    assert [path.name for path in project.iterdir() if path.name != ".git"] == ["README.md"]
    assert left_over(room, output) == []


async def test_a_wrong_key_is_told_and_fails(room):
    async with ClaudeStandin(run_command.script, key="sk-ant-ours") as claude:
        process = await demo(
            room,
            *("--repo", str(ROOT / "tests" / "demo" / "seed"), "--prompt", "Run: true"),
            ANTHROPIC_API_KEY="sk-ant-another",
            ANTHROPIC_BASE_URL=claude.url,
        )
        async with asyncio.timeout(DEMO_S):
            output = (await process.communicate())[0].decode()

    assert process.returncode == 1
    words = " ".join(output.split())
    assert f"ANTHROPIC_API_KEY: the model's service at {claude.url} refuses the key (401" in words
    assert "make one at https://" in words
    assert left_over(room, output) == []


async def test_a_repository_without_a_key_is_refused_at_once(room):
    process = await demo(room, "--repo", "https://example.org/a.git", "--prompt", "x", ANTHROPIC_API_KEY="")
    output = (await process.communicate())[0].decode()

    assert process.returncode == 2
    assert "set ANTHROPIC_API_KEY" in output
