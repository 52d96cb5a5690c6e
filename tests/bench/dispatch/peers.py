"""The queues beside which Errand is measured: each a program of its own environment, over a Redis of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.demo.ports import free_port

PROGRAMS = Path(__file__).parents[1] / "peers"
CACHE = Path(".cache")
_MOST_S = 300.0

ALWAYS = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")
"""Every write is on disk before it is answered, as Errand's are."""
DEFAULT = ()
"""As it comes: on disk now and then."""


class Peer:
    """A queue that answers to commands (tests/bench/peers/README.md)."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process

    async def throughput(self, count: int) -> float:
        """Tasks per second from the first submission to the last result."""
        found = await self.ask(f"throughput {count}")
        assert isinstance(found, float)
        return found

    async def latency(self, count: int) -> list[float]:
        """Milliseconds from submitting to the task's start, one after the other on an idle queue."""
        found = await self.ask(f"latency {count}")
        assert isinstance(found, list)
        return found

    async def ask(self, command: str) -> object:
        """The answer to a command; to none, that it is ready."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if command:
            self._process.stdin.write(command.encode() + b"\n")
        async with asyncio.timeout(_MOST_S):
            return json.loads(await self._process.stdout.readline())


@asynccontextmanager
async def open_peer(name: str, program: str, folder: Path, *, redis: tuple[str, ...]) -> AsyncIterator[Peer]:
    """The peer and its Redis, which both end with the context."""
    folder.mkdir()
    port = free_port()
    server = await asyncio.create_subprocess_exec(
        *("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), *redis),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await _listening(port)
        python = (CACHE / f"bench-{program}" / "bin" / "python").absolute()
        process = await asyncio.create_subprocess_exec(
            *(str(python), str(PROGRAMS / f"{program}_peer.py"), str(port)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            peer = Peer(name, process)
            await peer.ask("")
            yield peer
        finally:
            # The end of its commands ends it and its worker.
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()
    finally:
        server.terminate()
        await server.wait()


async def _listening(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            await writer.wait_closed()
            return
