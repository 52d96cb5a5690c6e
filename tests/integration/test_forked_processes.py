"""A forked process is to whoever started it what one from nothing is: its words, its log, its end."""

import signal
from pathlib import Path

import pytest

from tests.demo.forked import forked
from tests.demo.processes import Processes, ProcessFailed


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path, forked)


async def start(processes: Processes, key_file: Path) -> str:
    key_file.write_text("sk-ant-ours")
    options = ("--script", "demo", "--key-file", str(key_file))
    await processes.start("claude", "tests.standins.claude", *options, env={})
    return (await processes.first_line("claude"))["url"]


async def test_it_says_where_it_serves_and_ends_well_when_it_is_asked_to(processes: Processes, tmp_path: Path) -> None:
    assert (await start(processes, tmp_path / "key")).startswith("http://127.0.0.1:")
    process = processes.running["claude"]
    assert process.returncode is None

    await processes.stop("claude")

    assert process.returncode == 0


async def test_one_that_is_killed_ends_by_that_signal(processes: Processes, tmp_path: Path) -> None:
    await start(processes, tmp_path / "key")
    process = processes.running["claude"]

    await processes.kill("claude")

    assert process.returncode == -signal.SIGKILL


async def test_one_that_cannot_start_has_its_exit_code_and_its_words_in_the_log(processes: Processes) -> None:
    process = await processes.start("scheduler", "errand_scheduler", env={})

    with pytest.raises(ProcessFailed, match="neither ERRAND_GITHUB_TOKEN nor ERRAND_GITHUB_CLIENT_ID is set"):
        await processes.first_line("scheduler")
    assert await process.wait() == 2
    await processes.stop("scheduler")


async def test_it_has_the_environment_that_it_was_given(processes: Processes) -> None:
    await processes.start("scheduler", "errand_scheduler", env={"ERRAND_BEAT_SECONDS": "never"})

    with pytest.raises(ProcessFailed, match="ERRAND_BEAT_SECONDS is 'never'"):
        await processes.first_line("scheduler")
    await processes.stop("scheduler")
