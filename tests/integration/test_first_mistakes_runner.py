"""Whatever is wrong with a runner's host, its start ends at once and says what to do, and leaves nothing behind."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from errand_common.service import NOT_YET
from tests.certificates import DAY, identity, scheduler_showing
from tests.integration.starting import refused_start, started, traces

ENGINE = "unix:///var/run/docker.sock"

# As root, one may use any socket; without these two capabilities, root is like everybody else.
WITHOUT_RIGHTS = """
import ctypes, os, sys
for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    ctypes.CDLL(None).prctl(24, capability)  # PR_CAPBSET_DROP; who is not root has none to drop
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def settings(state_dir: Path, sandbox_image: str) -> dict[str, object]:
    """A runner that lacks nothing but a scheduler."""
    (state_dir / "token").write_text("esv_test\n")
    (state_dir / "ca.pem").write_bytes(identity().ca)
    return {
        "ERRAND_DATA": state_dir / "data",
        "ERRAND_SCHEDULER": "127.0.0.1:1",
        "ERRAND_CA_FILE": state_dir / "ca.pem",
        "ERRAND_TOKEN_FILE": state_dir / "token",
        "ERRAND_SANDBOX_IMAGE": sandbox_image,
        "ANTHROPIC_API_KEY": "sk-ant-test",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:1",
        "DOCKER_HOST": ENGINE,
    }


async def test_without_docker(settings: dict[str, object], state_dir: Path) -> None:
    settings["DOCKER_HOST"] = f"unix://{state_dir}/none.sock"

    said = await refused_start("runner", settings, code=NOT_YET)

    assert f"no Docker engine at {state_dir}/none.sock; install and start Docker" in said


async def test_with_a_docker_that_is_stopped(settings: dict[str, object], state_dir: Path) -> None:
    path = state_dir / "dead.sock"
    with socket.socket(socket.AF_UNIX) as abandoned:
        abandoned.bind(str(path))
    settings["DOCKER_HOST"] = f"unix://{path}"

    said = await refused_start("runner", settings, code=NOT_YET)

    assert f"nothing answers at {path}; start the Docker engine" in said


async def test_with_something_else_in_dockers_place(settings: dict[str, object], state_dir: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readline():
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        writer.close()

    path = state_dir / "other.sock"
    settings["DOCKER_HOST"] = f"unix://{path}"
    async with await asyncio.start_unix_server(answer, path):
        said = await refused_start("runner", settings, code=NOT_YET)

    assert f"what listens at {path} does not answer sensibly as a Docker engine" in said
    assert "systemctl restart docker" in said


async def test_without_the_right_to_use_docker(settings: dict[str, object], state_dir: Path) -> None:
    path = state_dir / "closed.sock"
    settings["DOCKER_HOST"] = f"unix://{path}"
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(path))
        engine.listen()
        path.chmod(0)
        said = await refused_start("runner", settings, before=(sys.executable, "-c", WITHOUT_RIGHTS), code=NOT_YET)

    assert f"user id {os.getuid()} has no right to use {path}; add the runner's user to the socket's group" in said


async def test_without_the_sandbox_image(settings: dict[str, object]) -> None:
    settings["ERRAND_SANDBOX_IMAGE"] = "no-such-image:1"

    said = await refused_start("runner", settings)

    assert "ERRAND_SANDBOX_IMAGE=no-such-image:1 is not there" in said
    assert "build it with `make image`, or pull it (docker pull IMAGE)" in said


async def test_with_a_disk_that_is_nearly_full(settings: dict[str, object], state_dir: Path) -> None:
    settings["ERRAND_MIN_FREE_BYTES"] = 1 << 62

    said = await refused_start("runner", settings, code=NOT_YET)

    assert f"the disk of {state_dir}/data is nearly full" in said
    assert "asks for 4294967296.0 GiB; free some" in said


async def test_a_second_one_on_the_same_folder(settings: dict[str, object], state_dir: Path) -> None:
    settings["ERRAND_CA_FILE"] = state_dir / "not-there-yet.pem"
    async with started("runner", settings) as first:
        await first.until("file_awaited")
        said = await refused_start("runner", settings)
        await first.stop()

    assert f"another process (process id {first.process.pid}) uses the data folder {state_dir}/data" in said
    assert "is this runner running already? Stop it, or set ERRAND_DATA to another folder" in said
    assert traces(state_dir / "data") == []


async def test_with_a_clock_at_which_the_schedulers_certificate_is_not_valid_yet(settings: dict[str, object]) -> None:
    shown = identity(start=DAY, end=9 * DAY)
    Path(str(settings["ERRAND_CA_FILE"])).write_bytes(shown.ca)
    async with scheduler_showing(shown) as address:
        said = await refused_start("runner", settings | {"ERRAND_SCHEDULER": address}, code=NOT_YET)

    assert "this host's clock says" in said
    assert f"the certificate of the scheduler at {address} is {shown.dates}; set the clock (timedatectl" in said
