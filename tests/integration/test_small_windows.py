"""A stream that nobody reads fills little memory, where its reader asked for that."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from errand.v1 import task_service_pb2 as pb
from errand.v1.event_pb2 import Event
from errand.v1.task_service_pb2_grpc import TaskServiceServicer, TaskServiceStub, add_TaskServiceServicer_to_server
from errand_common import rpc
from tests.certificates import identity

MESSAGE = pb.WatchEventsResponse(events=[Event(cursor="x" * 16_384)])
QUIET_S = 0.5


class Endless(TaskServiceServicer):
    """A watch without an end, and how much of it was taken from its handler."""

    def __init__(self) -> None:
        self.written_bytes = 0

    async def WatchEvents(
        self, request: pb.WatchEventsRequest, context: object
    ) -> AsyncIterator[pb.WatchEventsResponse]:
        while True:
            yield MESSAGE
            self.written_bytes += MESSAGE.ByteSize()


@pytest.mark.parametrize(
    ("small_windows", "least_bytes", "most_bytes"), [(True, 0, 300_000), (False, 1_000_000, 1 << 30)]
)
async def test_what_nobody_reads_fills_little_with_small_windows_alone(
    small_windows: bool, least_bytes: int, most_bytes: int
) -> None:
    endless, shown = Endless(), identity()
    server = rpc.server([])
    add_TaskServiceServicer_to_server(endless, server)
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(shown.key, shown.certificate)]))
    await server.start()
    try:
        async with rpc.channel(f"127.0.0.1:{port}", ca=shown.ca, small_windows=small_windows) as channel:
            call = TaskServiceStub(channel).WatchEvents(pb.WatchEventsRequest())
            await call.read()
            written, before = endless.written_bytes, -1
            # Until no more is taken for a while: what a window holds goes at once.
            while written != before or written < least_bytes:
                await asyncio.sleep(QUIET_S)
                written, before = endless.written_bytes, written
            call.cancel()
    finally:
        await server.stop(None)
    assert least_bytes <= written <= most_bytes
