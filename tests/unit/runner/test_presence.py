"""`errand-runner healthy` says yes while the runner has a session, and only then."""

import os
import subprocess
import sys

import pytest

from errand_runner.config import RunnerSettings
from errand_runner.presence import healthy, presence_file, shown


@pytest.fixture
def settings(tmp_path, monkeypatch):
    for name, value in {
        "ERRAND_DATA": str(tmp_path),
        "ERRAND_CA_FILE": "ca.pem",
        "ERRAND_TOKEN_FILE": "token",
        "ANTHROPIC_API_KEY": "sk-ant-none",
        "ERRAND_SANDBOX_IMAGE": "errand-sandbox",
    }.items():
        monkeypatch.setenv(name, value)
    return RunnerSettings()


async def test_it_is_healthy_while_it_has_a_session_and_not_after(settings):
    before = await healthy(settings)
    with shown(presence_file(settings.data)):
        during = await healthy(settings)

    assert (before, during, await healthy(settings)) == (1, 0, 1)


async def test_what_a_killed_runner_left_does_not_count(settings, capsys):
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    presence_file(settings.data).write_text(f"{ended.pid}\n")

    assert await healthy(settings) == 1
    assert str(settings.data) in capsys.readouterr().err


async def test_it_names_the_process_that_has_the_session(settings):
    with shown(presence_file(settings.data)):
        assert presence_file(settings.data).read_text() == f"{os.getpid()}\n"


async def test_a_full_disk_does_not_end_the_work(tmp_path):
    with shown(tmp_path / "gone" / "session"):
        pass
