"""The stand-in as its own process."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from tests.patience import ANSWER_S
from tests.standins.github.git import git

PROJECT = Path(__file__).parents[4]
READY_TIMEOUT_S = 30


@asynccontextmanager
async def standin(*options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    command = (sys.executable, "-m", "tests.standins.github", *options)
    process = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, stdout=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ready(process: asyncio.subprocess.Process) -> dict[str, str]:
    assert process.stdout is not None
    async with asyncio.timeout(READY_TIMEOUT_S):
        addresses: dict[str, str] = json.loads(await process.stdout.readline())
    return addresses


async def test_it_serves_what_its_options_say_and_stops_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("a\n")
    options = ["--root", str(tmp_path / "root"), "--user", "octo", "--repo", f"octo/demo={folder}:push"]
    secret_file = tmp_path / "secret"
    secret_file.write_text("secret\n")
    app = ["--client-id", "app-1", "--client-secret-file", str(secret_file), "--redirect-uri", "http://127.0.0.1/cb"]
    async with standin(*options, *app) as process, httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S) as client:
        at = await ready(process)
        back = await client.get(f"{at['url']}/login/oauth/authorize?client_id=app-1&scope=repo")
        form = {"client_id": "app-1", "client_secret": "secret", "code": back.headers["Location"].partition("code=")[2]}
        answer = await client.post(
            f"{at['url']}/login/oauth/access_token", data=form, headers={"Accept": "application/json"}
        )
        token = answer.json()["access_token"]
        mine = await client.get(f"{at['api_url']}/repos/octo/demo", headers={"Authorization": f"Bearer {token}"})
        await git("clone", "--quiet", f"http://x:{token}@{at['url'][7:]}/octo/demo.git", str(tmp_path / "clone"))
        issued = await client.get(
            f"{at['url']}/_standin/tokens", headers={"Authorization": f"Bearer {at['control_key']}"}
        )
        without_key = await client.get(f"{at['url']}/_standin/tokens")

        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(READY_TIMEOUT_S):
            assert await process.wait() == 0

    assert mine.json()["permissions"]["push"]
    assert (tmp_path / "clone/a.txt").read_text() == "a\n"
    assert issued.json() == {"tokens": [token]}
    assert without_key.status_code == 404


async def test_options_that_make_no_sense_end_it_with_a_usage_message(tmp_path: Path) -> None:
    async with standin("--root", str(tmp_path), "--repo", "octo/demo=nowhere:own") as process:
        async with asyncio.timeout(READY_TIMEOUT_S):
            assert await process.wait() == 2
