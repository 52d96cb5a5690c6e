"""A real supervisor on this host: guest.py as a child process over pipes, no Docker."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from errand_runner.sandbox import guest
from errand_runner.sandbox.supervisor import Supervisor


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncGenerator[Supervisor]:
    env = {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Errand",
        "GIT_AUTHOR_EMAIL": "errand@example.com",
        "GIT_COMMITTER_NAME": "Errand",
        "GIT_COMMITTER_EMAIL": "errand@example.com",
    }
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-I", "-S", str(Path(guest.__file__)))
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, env=env)
    assert process.stdout
    assert process.stdin
    try:
        async with Supervisor(process.stdout, process.stdin) as connected:
            yield connected
    finally:
        async with asyncio.timeout(10):
            await process.wait()
