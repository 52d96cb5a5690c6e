"""The sandbox's way out: every byte of either direction, whoever is slow, and each end when it comes."""

import asyncio
import random
import socket
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from errand_runner.sandbox.guest.forwarder import PIECE_BYTES, Forwarder
from errand_runner.sandbox.guest.loop import Loop
from tests.cpu import cpu_s

SIZE_BYTES = 20 * PIECE_BYTES + 7

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Ended(Exception):
    """Ends a loop that runs for ever."""


@asynccontextmanager
async def forwarding(folder: Path) -> AsyncIterator[tuple[int, asyncio.Queue[Line]]]:
    """The port inside, and the connections as they come out at the socket."""
    outside = asyncio.Queue[Line]()
    server = await asyncio.start_unix_server(lambda *line: outside.put_nowait(line), folder / "s")
    loop, over, failed = Loop(), threading.Event(), threading.Event()
    forwarder = Forwarder(loop, 0, str(folder / "s"))

    def tick() -> float:
        # Of its links none is left.
        if failed.is_set() or (over.is_set() and len(loop.selector.get_map()) == 1):
            raise Ended
        return 0.05

    def run() -> None:
        try:
            loop.run(tick)
        except Ended:
            forwarder.listener.close()
            loop.selector.close()

    async with server, asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(run))
        try:
            yield forwarder.listener.getsockname()[1], outside
        except BaseException:
            failed.set()
            raise
        finally:
            over.set()


async def send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
    writer.write_eof()


async def take(reader: asyncio.StreamReader, seed: int) -> bytes:
    """In pieces of all sizes, so that what is sent is often not taken at once."""
    sizes, taken = random.Random(seed), bytearray()
    while piece := await reader.read(sizes.randint(1, PIECE_BYTES)):
        taken += piece
    return bytes(taken)


async def carry(near: Line, far: Line, seed: int) -> bool:
    """Both ways at once, each to its own end."""
    there, back = random.Random(seed).randbytes(SIZE_BYTES), random.Random(-1 - seed).randbytes(SIZE_BYTES)
    async with asyncio.TaskGroup() as group:
        group.create_task(send(near[1], there))
        group.create_task(send(far[1], back))
        came = [group.create_task(take(line[0], seed)) for line in (far, near)]
    for _, writer in (near, far):
        writer.close()
        await writer.wait_closed()
    return [each.result() for each in came] == [there, back]


async def test_links_beside_one_another_carry_both_directions_whole(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as (port, outside):
        lines = [(await asyncio.open_connection("127.0.0.1", port), await outside.get()) for _ in range(3)]
        async with asyncio.TaskGroup() as group:
            carried = [group.create_task(carry(near, far, seed)) for seed, (near, far) in enumerate(lines)]
    assert [each.result() for each in carried] == [True, True, True]


async def test_one_direction_goes_on_after_the_end_of_the_other(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as (port, outside):
        near = await asyncio.open_connection("127.0.0.1", port)
        far = await outside.get()
        await send(near[1], b"asked")
        assert await far[0].read() == b"asked"
        async with asyncio.TaskGroup() as group:
            group.create_task(send(far[1], b"x" * SIZE_BYTES))
            came = group.create_task(take(near[0], seed=1))
        assert len(came.result()) == SIZE_BYTES
        for _, writer in (near, far):
            writer.close()
            await writer.wait_closed()


def test_what_comes_in_pieces_waits_for_no_acknowledgement(tmp_path: Path) -> None:
    """Connections have it from their listener. Each of git's requests took 40 ms without it."""
    forwarder = Forwarder(Loop(), 0, str(tmp_path / "broker"))

    with forwarder.listener as listener:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


FEW = """
import resource, sys
from errand_runner.sandbox.guest.forwarder import Forwarder
from errand_runner.sandbox.guest.loop import Loop
resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
loop = Loop()
forwarder = Forwarder(loop, 0, sys.argv[1])
print(forwarder.listener.getsockname()[1], flush=True)
loop.run(lambda: 1.0)
"""
"""A process that may have few files open: it joins no more than ten connections at once."""


async def test_without_descriptors_who_comes_is_turned_away_and_nothing_spins(tmp_path: Path) -> None:
    held = asyncio.Queue[Line]()
    async with (
        asyncio.timeout(30),
        await asyncio.start_unix_server(lambda *line: held.put_nowait(line), tmp_path / "s"),
    ):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", FEW, str(tmp_path / "s"), stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout is not None
        try:
            port = int(await child.stdout.readline())
            at_first = open_files(child.pid)
            lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
            taken = 0
            while taken + turned_away(lines) < len(lines):
                taken = held.qsize()
                await asyncio.sleep(0.05)
            assert 0 < taken < len(lines)
            before_s = cpu_s(child.pid)
            await asyncio.sleep(0.5)
            assert cpu_s(child.pid) - before_s < 0.25
            for _, writer in lines:
                writer.close()
            while not held.empty():
                held.get_nowait()[1].close()
            while open_files(child.pid) > at_first:
                await asyncio.sleep(0.05)
            _, asks = await asyncio.open_connection("127.0.0.1", port)
            asks.write(b"asked")
            reader, writer = await held.get()
            assert await reader.readexactly(5) == b"asked"
            for each in (asks, writer):
                each.close()
        finally:
            child.kill()
            await child.wait()


def turned_away(lines: list[Line]) -> int:
    return sum(reader.at_eof() for reader, _ in lines)


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
