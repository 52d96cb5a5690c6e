"""A socket of its own before the host's Docker engine, which can be taken away and brought back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

ENGINE = "/var/run/docker.sock"
_CHUNK_BYTES = 64 * 1024


class EngineProxy:
    """Carries bytes both ways while it is there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ends: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def docker_host(self) -> str:
        """For DOCKER_HOST."""
        return f"unix://{self._path}"

    async def bring_back(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def take_away(self) -> None:
        """Nobody listens any more, and every connection breaks."""
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)
        for end in self._ends:
            end.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_unix_connection(ENGINE)
        ends = {writer, behind_writer}
        self._ends |= ends
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_carry(reader, behind_writer))
                group.create_task(_carry(behind_reader, writer))
        except* OSError:
            pass
        finally:
            self._ends -= ends
            for end in ends:
                end.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


@asynccontextmanager
async def engine_proxy(folder: Path) -> AsyncIterator[EngineProxy]:
    """One whose socket lies in the folder."""
    proxy = EngineProxy(folder / "docker.sock")
    await proxy.bring_back()
    try:
        yield proxy
    finally:
        await proxy.take_away()
