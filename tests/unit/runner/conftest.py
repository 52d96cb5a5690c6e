"""A real supervisor on this host: guest.py as a child process over pipes, no Docker."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from errand_runner.sandbox import guest
from errand_runner.sandbox.supervisor import Supervisor


@pytest.fixture
async def supervisor() -> AsyncGenerator[Supervisor]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        str(Path(guest.__file__)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdin
    try:
        async with Supervisor(process.stdout, process.stdin) as connected:
            yield connected
    finally:
        async with asyncio.timeout(10):
            await process.wait()
