"""The gateway as a process: it starts before its scheduler, stops when told, and keeps secrets out of its log."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.standins.github import GitHubStandin
from tests.unit.gateway.gateway_under_test import CLIENT_ID, CLIENT_SECRET, Running
from tests.unit.gateway.live_client import live
from tests.unit.gateway.scheduler_double import SERVICE_TOKEN, SchedulerDouble
from tests.unit.gateway.scheduler_tls import certificates
from tests.unit.gateway.sign_in_steps import VERIFIER, app_arrival, redeem

_STOP_S = 30.0


@pytest.fixture
async def scheduler() -> AsyncIterator[SchedulerDouble]:
    double = SchedulerDouble()
    await double.start()
    yield double
    await double.stop()


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[GitHubStandin]:
    async with GitHubStandin(tmp_path / "repositories") as standin:
        standin.add_client(CLIENT_ID, CLIENT_SECRET, ["http://127.0.0.1/auth/callback"])
        standin.add_user("ada")
        yield standin


async def test_it_starts_before_its_scheduler_and_stops_when_told(
    tmp_path: Path, scheduler: SchedulerDouble, github: GitHubStandin
) -> None:
    async with _process(_environment(tmp_path, scheduler, github)) as process:
        gateway = await _address(process, tmp_path)
        async with gateway.client() as client:
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/readyz")).status_code == 503
            _write_files(tmp_path)
            await gateway.ready()
            arrived = await app_arrival(client)
            tokens = (await redeem(client, arrived.parameters["code"])).json()
        async with live(gateway.live_url, tokens["access_token"]) as phone:
            await phone.say(type="subscribe")
            await phone.hear_kind("caught_up")
            process.send_signal(signal.SIGTERM)
            assert (await phone.closed())[0] == 1012
        async with asyncio.timeout(_STOP_S):
            _, written = await process.communicate()

    log = written.decode()
    assert process.returncode == 0, log
    for event in ("gateway_listening", "file_awaited", "signed_in", "live_opened", "service_stopped"):
        assert f'"{event}"' in log
    secrets = [
        SERVICE_TOKEN,
        CLIENT_SECRET,
        VERIFIER,
        tokens["access_token"],
        tokens["refresh_token"],
        arrived.parameters["code"],
        *github.tokens_issued(),
    ]
    assert [secret for secret in secrets if secret in log] == []


async def test_a_wrong_start_is_told_in_words(
    tmp_path: Path, scheduler: SchedulerDouble, github: GitHubStandin
) -> None:
    environment = _environment(tmp_path, scheduler, github)
    for wrong, words in (
        ({"ERRAND_CA_FILE": ""}, "ERRAND_CA_FILE is not set; for example"),
        ({"ERRAND_GITHUB_CLIENT_ID": ""}, "ERRAND_GITHUB_CLIENT_SECRET is set and ERRAND_GITHUB_CLIENT_ID is not"),
        ({"ERRAND_LISTEN": "192.0.2.1:1"}, "cannot listen on ERRAND_LISTEN=192.0.2.1:1"),
        ({"ERRAND_ADDRESS_FILE": str(tmp_path / "no/such/folder")}, "cannot write ERRAND_ADDRESS_FILE="),
    ):
        async with _process(environment | wrong) as process, asyncio.timeout(_STOP_S):
            _, written = await process.communicate()
        assert process.returncode == 2, written.decode()
        assert words in written.decode()


def _environment(folder: Path, scheduler: SchedulerDouble, github: GitHubStandin) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "ERRAND_LISTEN": "127.0.0.1:0",
        "ERRAND_ADDRESS_FILE": str(folder / "address"),
        "ERRAND_SCHEDULER": scheduler.address,
        "ERRAND_CA_FILE": str(folder / "ca.pem"),
        "ERRAND_TOKEN_FILE": str(folder / "gateway.token"),
        "ERRAND_GITHUB_URL": github.url,
        "ERRAND_GITHUB_CLIENT_ID": CLIENT_ID,
        "ERRAND_GITHUB_CLIENT_SECRET": CLIENT_SECRET,
    }


def _write_files(folder: Path) -> None:
    (folder / "gateway.token").write_text(SERVICE_TOKEN)
    (folder / "ca.pem").write_bytes(certificates().ca)


@asynccontextmanager
async def _process(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "errand_gateway", env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def _address(process: asyncio.subprocess.Process, folder: Path) -> Running:
    """Waits for the file that names the port; fails at once if the process ends instead."""
    async with asyncio.timeout(60):
        while not (folder / "address").exists():
            assert process.returncode is None
            await asyncio.sleep(0.02)
    return Running(f"http://{(folder / 'address').read_text().strip()}")
