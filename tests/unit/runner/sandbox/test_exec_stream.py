"""The engine's records around what a process writes."""

import asyncio
import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from errand_runner.sandbox.exec_stream import open_exec_stream

RECORDS = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=50)))


@given(records=RECORDS, cuts=st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_stdout_comes_whole_however_the_records_are_cut(records: list[tuple[int, bytes]], cuts: list[int]) -> None:
    wire = b"".join(struct.pack(">BxxxL", stream, len(data)) + data for stream, data in records)

    async def travel() -> tuple[bytes, bytes]:
        ours, engine = socket.socketpair()
        reader, writer, stream = await open_exec_stream(ours)
        at = 0
        while at < len(wire):
            size = cuts[at % len(cuts)]
            stream.data_received(wire[at : at + size])
            at += size
        engine.close()
        out = await reader.read()
        writer.close()
        await writer.wait_closed()
        return out, stream.stderr_tail

    out, err = asyncio.run(travel())
    assert out == b"".join(data for stream, data in records if stream == 1)
    assert err == b"".join(data for stream, data in records if stream == 2)


async def test_what_is_written_goes_out_as_it_is() -> None:
    ours, engine = socket.socketpair()
    _, writer, _ = await open_exec_stream(ours)
    writer.write(b"frame")
    await writer.drain()
    assert await asyncio.to_thread(engine.recv, 100) == b"frame"
    writer.close()
    await writer.wait_closed()
    engine.close()
