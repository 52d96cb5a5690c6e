"""mini-swe-agent as a child process, in the environment that `scripts/peers` makes."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.bench.dispatch.peers import CACHE, PROGRAMS
from tests.demo.stack import Stack

_READY_S = 120.0


@asynccontextmanager
async def open_mini(claude: str, stack: Stack) -> AsyncIterator[Callable[[], Awaitable[float]]]:
    """Gives what has it go through a session, and tells the milliseconds that its tools took of that."""
    folder = stack.folder / "mini"
    folder.mkdir()
    python = (CACHE / "bench-mini" / "bin" / "python").absolute()
    quiet = {
        "MSWEA_SILENT_STARTUP": "1",
        "MSWEA_GLOBAL_CONFIG_DIR": str(folder),
        # It would ask a server for its newest prices.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    process = await asyncio.create_subprocess_exec(
        *(str(python), str(PROGRAMS / "mini_peer.py"), claude, stack.image, str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **quiet},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    commands, answers = process.stdin, process.stdout

    async def answer() -> object:
        async with asyncio.timeout(_READY_S):
            return json.loads(await answers.readline())

    async def session() -> float:
        commands.write(b"\n")
        found = await answer()
        assert isinstance(found, float)
        return found

    try:
        assert await answer() == "ready"
        yield session
    finally:
        commands.close()
        await process.wait()
