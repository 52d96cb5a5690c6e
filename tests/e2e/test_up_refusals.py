"""`make up` where it cannot work: what is wrong is told with its cure, and nothing keeps running."""

import socket
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from errand_local.layout import Layout
from errand_local.supervision import Supervision
from tests.demo.ports import free_port
from tests.e2e.composing import execute
from tests.e2e.hosting import open_host

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTENERS = ("GATEWAY", "SCHEDULER", "SCHEDULER_METRICS")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host():
    """Its settings are good; each test spoils a copy."""
    async with open_host() as opened:
        yield opened


@pytest.fixture
def short_path():
    """Sockets lie in it, whose paths have few bytes."""
    with tempfile.TemporaryDirectory(prefix="errand-") as folder:
        yield Path(folder)


def written(path, settings):
    """The file that holds these."""
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return path


async def errand_local(target, env_file):
    """What `make TARGET` runs."""
    return await execute(sys.executable, "-m", "errand_local", "--env-file", str(env_file), target)


def beside(host, folder, **changed):
    """The host's settings for another Errand, whose folder and ports are its own."""
    own = {"ERRAND_DATA": str(folder)} | {f"ERRAND_{name}_LISTEN": f"127.0.0.1:{free_port()}" for name in LISTENERS}
    return host.settings | own | changed


async def test_down_where_nothing_runs_says_so(tmp_path):
    env_file = written(tmp_path / "env", {"ERRAND_DATA": tmp_path})
    done = await execute("make", "--no-print-directory", "down", f"ENV_FILE={env_file}")

    assert (done.code, f"nothing runs from {tmp_path}" in done.err) == (0, True)


async def test_all_that_is_not_set_is_told_at_once_and_nothing_starts(tmp_path):
    settings = {"ERRAND_DATA": tmp_path / "data", "ERRAND_SLOTS": "many"}
    done = await errand_local("up", written(tmp_path / "env", settings))

    assert done.code == 2
    for name in (
        "ANTHROPIC_API_KEY is not set",
        "ERRAND_GITHUB_TOKEN",
        "ERRAND_GITHUB_CLIENT_ID",
        "ERRAND_SLOTS is 'many'",
    ):
        assert name in done.err
    assert not (tmp_path / "data" / "local").exists()


async def test_a_service_that_cannot_start_is_quoted_and_nothing_keeps_running(host, short_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = beside(host, short_path, ERRAND_GATEWAY_LISTEN=address)
        done = await errand_local("up", written(short_path / "env", settings))

    assert done.code == 1
    assert "the gateway cannot start" in done.err
    assert address in done.err
    assert not Supervision(Layout(short_path)).running()


async def test_only_the_reason_of_this_start_is_told(host, short_path):
    async def refusal(**changed):
        return (await errand_local("up", written(short_path / "env", beside(host, short_path, **changed)))).err

    wrong_key = await refusal(ANTHROPIC_API_KEY="sk-ant-wrong")
    wrong_model = await refusal(ERRAND_MODEL="claude-nonsense")

    assert "ANTHROPIC_API_KEY" in wrong_key
    assert "claude-nonsense" in wrong_model
    assert "ANTHROPIC_API_KEY" not in wrong_model


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("ERRAND_RUNNERS", "second", "ERRAND_RUNNERS=local,second"),
        ("ERRAND_DATA", "/dev/null/data", "set ERRAND_DATA"),
        ("ERRAND_SCHEDULER_LISTEN", "127.0.0.1:0", "ERRAND_SCHEDULER_LISTEN"),
        ("ERRAND_PUBLIC_URL", "errand.example.org", "ERRAND_PUBLIC_URL"),
    ],
)
async def test_a_setting_that_cannot_work_is_told_before_anything_starts(host, short_path, setting, value, words):
    settings = host.settings | {"ERRAND_DATA": str(short_path), setting: value}
    done = await errand_local("up", written(short_path / "env", settings))

    assert done.code in (1, 2)
    assert words in done.err
    assert "Traceback" not in done.err


async def test_logs_where_nothing_ever_ran_say_so(short_path):
    done = await errand_local("logs", written(short_path / "env", {"ERRAND_DATA": short_path}))

    assert "nothing has run" in done.err


async def test_listening_to_everybody_asks_for_the_address_that_phones_use(tmp_path):
    done = await errand_local("up", written(tmp_path / "env", {"ERRAND_GATEWAY_LISTEN": "0.0.0.0:8080"}))

    assert done.code == 2
    assert "ERRAND_PUBLIC_URL=http://" in done.err
