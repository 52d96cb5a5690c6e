"""The demo's conversation on the demo's repository, in a folder of this host instead of a container."""

import json
import shutil
import subprocess
from pathlib import Path

from errand_common.values import Role
from errand_runner.agent.facts import EndReason, ToolFinished
from errand_runner.sandbox.supervisor import Supervisor
from tests.demo.story import FOLLOW_UP, PROMPT
from tests.standins.claude.scripts.fix_failing_test import RIGHT, SOURCE, Colour, colour, script
from tests.unit.runner.agent.harness import Errand, errand

SEED = Path(__file__).parents[3] / "demo" / "seed"


def git(folder: Path, *args: str) -> str:
    identity = ("-c", "user.name=Seed", "-c", "user.email=seed@example.com")
    done = subprocess.run(["git", *identity, *args], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def plant(folder: Path) -> None:
    shutil.copytree(SEED, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Seed")


def colours(task: Errand) -> list[Colour]:
    runs = [fact for fact in task.facts if isinstance(fact, ToolFinished) and b"pytest" in fact.input]
    return [colour(json.loads(run.output)) for run in runs]


async def test_the_errand_goes_red_red_green_and_is_committed(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(script, supervisor, tmp_path) as task:
        plant(task.folder)
        ended = await task.turn(PROMPT)
        assert ended.reason is EndReason.COMPLETED
        assert ended.text.startswith("Done.")
        assert colours(task) == [Colour.RED, Colour.RED, Colour.GREEN]
        assert RIGHT in (task.folder / SOURCE).read_text()
        assert git(task.folder, "status", "--porcelain") == ""
        assert git(task.folder, "diff", "--name-only", "HEAD~1").split() == [SOURCE]

        ended = await task.turn(FOLLOW_UP)
        assert ended.reason is EndReason.COMPLETED
        assert colours(task)[3:] == [Colour.GREEN]
        assert git(task.folder, "log", "--format=%s").splitlines()[0] == "Test the discount on a price of zero"
        assert git(task.folder, "rev-list", "--count", "HEAD").strip() == "3"
        assert all(message.usage for message in task.record.messages if message.role is Role.ASSISTANT)


async def test_where_the_tests_pass_already_it_changes_nothing(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(script, supervisor, tmp_path) as task:
        plant(task.folder)
        source = task.folder / SOURCE
        source.write_text(source.read_text().replace("return price_cents - price_cents * percent // 100", RIGHT))
        ended = await task.turn(PROMPT)
        assert "nothing to repair" in ended.text
        assert git(task.folder, "rev-list", "--count", "HEAD").strip() == "1"


async def test_where_the_tests_cannot_run_it_says_so_and_stops(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(script, supervisor, tmp_path) as task:
        plant(task.folder)
        (task.folder / "pytest.py").write_text("raise SystemExit('pytest is broken here')")
        ended = await task.turn(PROMPT)
        assert "cannot run the tests" in ended.text
        assert "pytest is broken here" in ended.text


async def test_a_commit_that_fails_is_admitted(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(script, supervisor, tmp_path) as task:
        plant(task.folder)
        hook = task.folder / ".git" / "hooks" / "pre-commit"
        hook.write_text("#!/bin/sh\necho 'no commits today' >&2\nexit 1\n")
        hook.chmod(0o755)
        ended = await task.turn(PROMPT)
        assert "did not work" in ended.text
        assert "no commits today" in ended.text


async def test_an_unknown_repository_is_left_alone(supervisor: Supervisor, tmp_path: Path) -> None:
    async with errand(script, supervisor, tmp_path) as task:
        ended = await task.turn(PROMPT)
        assert "do not see it" in ended.text
