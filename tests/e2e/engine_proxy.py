"""A socket of its own before the host's Docker engine, which can be taken away, hang, or stop a call on its way."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

ENGINE = "/var/run/docker.sock"
_CHUNK_BYTES = 64 * 1024


@dataclass
class Hold:
    """A call that gets no further: its request, or where `reply` is set its reply."""

    call: re.Pattern[bytes]
    reply: bool
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def stop(self) -> None:
        """Stand still until the hold is over; then the connection breaks."""
        self.reached.set()
        await self.over.wait()
        raise ConnectionAbortedError


class EngineProxy:
    """Carries bytes both ways while it is there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ends: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._hold: Hold | None = None
        self._going = asyncio.Event()
        self._going.set()
        self._renamed: tuple[tuple[bytes, bytes], ...] = ()

    def rename(self, *pairs: tuple[bytes, bytes]) -> None:
        """From now on what is called so here is called otherwise by the engine. Both names are of one length: how long
        a request is was said before."""
        assert all(len(ours) == len(theirs) for ours, theirs in pairs)
        self._renamed = pairs

    @property
    def docker_host(self) -> str:
        """For DOCKER_HOST."""
        return f"unix://{self._path}"

    def hang(self) -> None:
        """From now on whoever asks is let in and told nothing, and what is under way stands still."""
        self._going.clear()

    def go_on(self) -> None:
        """What waits is answered."""
        self._going.set()

    async def bring_back(self) -> None:
        """Listen."""
        self.go_on()
        self._server = await asyncio.start_unix_server(self._serve, self._path)

    async def take_away(self) -> None:
        """Nobody listens any more, and every connection breaks."""
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)
        for end in self._ends:
            end.transport.abort()

    @asynccontextmanager
    async def holding(self, call: str, *, reply: bool = False) -> AsyncIterator[asyncio.Event]:
        """The next call whose first line matches does not reach the engine, or its reply does not come back. The event
        is set when it has come so far; at the end it is dropped."""
        hold = self._hold = Hold(re.compile(call.encode()), reply)
        try:
            yield hold.reached
        finally:
            self._hold = None
            hold.over.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_unix_connection(ENGINE)
        ends, held = {writer, behind_writer}, asyncio.Queue[Hold](1)
        self._ends |= ends
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ask(reader, behind_writer, held))
                group.create_task(self._answer(behind_reader, writer, held))
        except* OSError:
            pass
        finally:
            self._ends -= ends
            for end in ends:
                end.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, held: asyncio.Queue[Hold]) -> None:
        # A request begins where a chunk does: on a connection there is one at a time.
        while chunk := await reader.read(_CHUNK_BYTES):
            await self._going.wait()
            if (hold := self._hold) is not None and hold.call.match(chunk):
                self._hold = None
                if not hold.reply:
                    await hold.stop()
                held.put_nowait(hold)
            for ours, theirs in self._renamed:
                chunk = chunk.replace(ours, theirs)
            writer.write(chunk)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, held: asyncio.Queue[Hold]
    ) -> None:
        while chunk := await reader.read(_CHUNK_BYTES):
            await self._going.wait()
            if not held.empty():
                await held.get_nowait().stop()
            for ours, theirs in self._renamed:
                chunk = chunk.replace(theirs, ours)
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
