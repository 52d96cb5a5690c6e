"""The Claude of measurements as a child process."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from tests.bench.agent.script import TURNS
from tests.patience import ANSWER_S

_READY_S = 20.0


@asynccontextmanager
async def open_claude(*, turns: int = TURNS, delay_ms: float = 0.0) -> AsyncIterator[str]:
    """Gives its address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.agent.claude", "--turns", str(turns), "--delay-ms", str(delay_ms)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH") or os.getcwd()},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_READY_S):
            url: str = json.loads(await process.stdout.readline())["url"]
        yield url
    finally:
        process.terminate()
        await process.wait()


async def times(claude: str) -> list[list[float]]:
    """The gaps of each session that was finished since this was last asked, in milliseconds."""
    async with httpx2.AsyncClient(timeout=ANSWER_S) as client:
        found: list[list[float]] = (await client.get(f"{claude}/times")).json()
    return found
