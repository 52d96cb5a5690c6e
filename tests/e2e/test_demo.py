"""`make demo` is what a newcomer runs: it ends well, shows everything, and leaves nothing behind."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.demo.stack import ROOT
from tests.standins.claude.scripts import run_command
from tests.standins.claude.server import ClaudeStandin

DEMO_S = 90.0


def engine_objects():
    label = ("--all", "--quiet", "--filter", "label=errand.managed=1")
    containers = subprocess.run(["docker", "ps", *label], check=True, capture_output=True, text=True).stdout
    volumes = subprocess.run(["docker", "volume", "ls", *label[1:]], check=True, capture_output=True, text=True).stdout
    return {*containers.split(), *volumes.split()}


def folders():
    return set(Path(tempfile.gettempdir()).glob("errand-*"))


def services():
    """The command lines of this user's processes that are parts of an Errand."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        if re.search(rb"-m\0(errand_|tests\.standins)", command):
            found.add(path.parent.name)
    return found


async def demo(*options, **settings):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.demo",
        *options,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "160", **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def test_the_demo_ends_well_and_leaves_nothing_behind():
    before = (engine_objects(), folders(), services())
    process = await demo()
    async with asyncio.timeout(DEMO_S):
        output = (await process.communicate())[0].decode()

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
    assert (engine_objects(), folders(), services()) == before


async def test_ctrl_c_leaves_nothing_behind():
    before = (engine_objects(), folders(), services())
    process = await demo()
    assert process.stdout is not None
    async with asyncio.timeout(DEMO_S):
        async for line in process.stdout:
            if b"attempt  running" in line:
                break
        assert engine_objects() != before[0]
        process.send_signal(signal.SIGINT)
        rest = await process.stdout.read()
        await process.wait()

    assert process.returncode == 130, rest
    assert b"nothing is left behind" in rest
    assert (engine_objects(), folders(), services()) == before


async def test_with_a_key_it_works_on_a_copy_of_any_repository(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "README.md").write_text("A project.\n")
    for command in ("init --quiet --initial-branch=trunk", "add .", "commit --quiet --message=first"):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *command.split()], cwd=project, check=True)
    before = (engine_objects(), folders(), services())
    async with ClaudeStandin(run_command.script, key="sk-ant-ours") as claude:
        process = await demo(
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
    assert (engine_objects(), folders(), services()) == before


async def test_a_wrong_key_is_told_and_fails(tmp_path):
    async with ClaudeStandin(run_command.script, key="sk-ant-ours") as claude:
        process = await demo(
            *("--repo", str(ROOT / "tests" / "demo" / "seed"), "--prompt", "Run: true"),
            ANTHROPIC_API_KEY="sk-ant-another",
            ANTHROPIC_BASE_URL=claude.url,
        )
        async with asyncio.timeout(DEMO_S):
            output = (await process.communicate())[0].decode()

    assert process.returncode == 1
    assert "refused the runner's key (401)" in output
    assert "Set a valid ANTHROPIC_API_KEY" in output


async def test_a_repository_without_a_key_is_refused_at_once():
    process = await demo("--repo", "https://example.org/a.git", "--prompt", "x", ANTHROPIC_API_KEY="")
    output = (await process.communicate())[0].decode()

    assert process.returncode == 2
    assert "set ANTHROPIC_API_KEY" in output
