"""A supervisor is untrusted: whatever it sends, the runner stays whole."""

import asyncio
import json
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errand_runner.sandbox import frames
from errand_runner.sandbox.frames import BrokenFrame
from errand_runner.sandbox.supervisor import VERSION, SandboxGone, Supervisor

HELLO = {"op": "hello", "id": 1, "version": VERSION}
ENDED = {"op": "exit", "id": 2, "code": 0, "signal": None, "timed_out": False, "silent": False, "duration_s": 0.1}

# Given the request's head, the raw bytes that the hostile end answers with.
Script = Callable[[dict[str, object]], bytes]


@asynccontextmanager
async def hostile(script: Script) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A pair of streams to an end that answers each request as the script says."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                lengths = struct.unpack(">II", await reader.readexactly(8))
                head = json.loads(await reader.readexactly(lengths[0]))
                await reader.readexactly(lengths[1])
                writer.write(script(head))
                await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            yield reader, writer
        finally:
            writer.close()
            # A line that is open when the loop closes is a warning, later, of some other test.
            await over.wait()


async def test_a_supervisor_that_greets_wrongly_is_refused() -> None:
    for answer in (HELLO | {"version": 99}, HELLO | {"version": None}, {"op": "ok", "id": 7}):
        async with hostile(lambda head, answer=answer: frames.encode(answer)) as (reader, writer):  # type: ignore[misc]
            with pytest.raises(SandboxGone):
                async with Supervisor(reader, writer):
                    pass


@pytest.mark.parametrize(
    "answer",
    [
        struct.pack(">II", 1 << 31, 0),
        struct.pack(">II", 2, 1 << 31) + b"{}",
        struct.pack(">II", 3, 0) + b"\xff\xfe\xfd",
        struct.pack(">II", 60_000, 0) + b"[" * 60_000,
        struct.pack(">II", 2, 0) + b"[]",
        frames.encode({"op": "exit", "id": 3}),
        frames.encode({"op": "exit", "id": True}),
        frames.encode({"op": "exit", "id": 2}),
        frames.encode(ENDED | {"signal": 9}),
        frames.encode(ENDED | {"code": None}),
        frames.encode(ENDED | {"code": 1 << 80}),
        frames.encode(ENDED | {"code": -1}),
        frames.encode(ENDED | {"timed_out": 1}),
        frames.encode(ENDED | {"duration_s": float("nan")}),
        frames.encode(ENDED | {"duration_s": -1}),
        frames.encode({"op": "out", "id": 2, "fd": 3}, b"x"),
        frames.encode({"op": "out", "id": 2, "fd": 1}),
        frames.encode({"op": "error", "id": 2, "errno": 2, "message": ""}),
        frames.encode({"op": ["out"], "id": 2}),
    ],
)
async def test_a_broken_answer_ends_the_sandbox_not_the_runner(answer: bytes) -> None:
    def script(head: dict[str, object]) -> bytes:
        return frames.encode(HELLO) if head["op"] == "hello" else answer

    async with hostile(script) as (reader, writer), Supervisor(reader, writer) as supervisor:
        with pytest.raises(SandboxGone, match="broke the protocol"):
            await supervisor.capture(["true"], cwd="/", timeout_s=5)


async def test_more_output_than_was_asked_for_ends_the_sandbox() -> None:
    chunk = frames.encode({"op": "out", "id": 2, "fd": 1}, b"x" * 65_536)

    def script(head: dict[str, object]) -> bytes:
        return frames.encode(HELLO) if head["op"] == "hello" else chunk * 100 if head["op"] == "run" else b""

    async with hostile(script) as (reader, writer), Supervisor(reader, writer) as supervisor:
        # A reader that does not come back lends no more credit.
        items = supervisor.run(["true"], cwd="/", timeout_s=5)
        await anext(items)
        with pytest.raises(SandboxGone, match="more output"):
            await supervisor.read("/file", limit_bytes=1)
        await items.aclose()


async def test_a_read_that_gives_more_than_was_asked_for_ends_the_sandbox() -> None:
    def script(head: dict[str, object]) -> bytes:
        return (
            frames.encode(HELLO) if head["op"] == "hello" else frames.encode({"op": "ok", "id": head["id"]}, b"12345")
        )

    async with hostile(script) as (reader, writer), Supervisor(reader, writer) as supervisor:
        with pytest.raises(SandboxGone, match="asked for 3 bytes"):
            await supervisor.read("/file", limit_bytes=3)


@settings(max_examples=200)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_frame_or_an_error(data: bytes) -> None:
    async def parse() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        try:
            while True:
                await frames.read(reader)
        except (BrokenFrame, EOFError):
            pass

    asyncio.run(parse())


@given(head=st.dictionaries(st.text(), st.text() | st.integers() | st.none()), body=st.binary())
def test_a_frame_comes_out_as_it_went_in(head: dict[str, object], body: bytes) -> None:
    async def travel() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(frames.encode(head, body))
        frame = await frames.read(reader)
        assert (frame.head, frame.body) == (head, body)

    asyncio.run(travel())
