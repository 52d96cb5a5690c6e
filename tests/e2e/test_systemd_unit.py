"""`deploy/*.service`: what systemd would start serves, stops when told to, and is not tried again in vain."""

import asyncio
import configparser
import shlex
import shutil
import tempfile
from pathlib import Path

import httpx2
import pytest

from errand_local.layout import SERVICES
from tests.demo.ports import free_ports
from tests.demo.stack import ROOT
from tests.e2e.composing import execute, plain_environment
from tests.patience import ANSWER_S

WITHIN_S = 60.0


@pytest.fixture
def folder():
    """Where the unit works and keeps its data; short enough for the sockets in it."""
    made = Path(tempfile.mkdtemp(prefix="errand-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def unit():
    """The [Service] of the unit for all three services."""
    return service("errand.service")


def service(name):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.read(ROOT / "deploy" / name)
    return parser["Service"]


def command(unit):
    """What it starts, of this project in place of the installed one."""
    return shlex.split(unit["ExecStart"].replace(unit["WorkingDirectory"], str(ROOT)))


def environment(unit, folder):
    name, _, value = unit["Environment"].partition("=")
    assert value == f"/var/lib/{unit['StateDirectory']}"
    return plain_environment() | {name: str(folder / "data")}


def left_over(folder):
    """The services that were told of the folder."""
    return [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if str(folder).encode() in content(path)]


def content(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


async def answers(url):
    async with asyncio.timeout(WITHIN_S), httpx2.AsyncClient(timeout=ANSWER_S) as client:
        while True:
            try:
                if (await client.get(url)).is_success:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.1)


async def test_it_serves_until_it_is_told_to_stop(unit, folder):
    http, grpc, metrics, nobody = free_ports(4)
    settings = {
        "ANTHROPIC_API_KEY": "sk-ant-x",
        "ERRAND_GITHUB_TOKEN": "ghp_x",
        "ERRAND_GITHUB_API_URL": f"http://127.0.0.1:{nobody}",
        "ERRAND_GATEWAY_LISTEN": f"127.0.0.1:{http}",
        "ERRAND_SCHEDULER_LISTEN": f"127.0.0.1:{grpc}",
        "ERRAND_SCHEDULER_METRICS_LISTEN": f"127.0.0.1:{metrics}",
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    process = await asyncio.create_subprocess_exec(
        *command(unit), cwd=folder, env=environment(unit, folder), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await answers(f"http://127.0.0.1:{http}/readyz")
        served = left_over(folder)
    finally:
        process.terminate()
        code = await process.wait()

    assert len(served) == len(SERVICES)
    assert code == 0
    assert left_over(folder) == []


@pytest.mark.parametrize("name", ["errand.service", "errand-runner.service"])
async def test_a_wrong_setting_is_told_and_not_tried_again(folder, name):
    unit = service(name)
    done = await execute(*command(unit), cwd=folder, env=environment(unit, folder))

    assert "ANTHROPIC_API_KEY is not set" in done.err
    assert done.code == int(unit["RestartPreventExitStatus"])
    assert list(folder.iterdir()) == []
