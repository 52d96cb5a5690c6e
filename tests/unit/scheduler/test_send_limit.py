"""A stream that nobody takes ends, and says why; one that is taken, however slowly, goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import structlog

from errand.v1.event_pb2 import Event
from errand.v1.task_service_pb2 import WatchEventsRequest, WatchEventsResponse
from errand.v1.task_service_pb2_grpc import (
    TaskServiceServicer,
    TaskServiceStub,
    add_TaskServiceServicer_to_server,
)
from errand_common import rpc
from errand_common.errors import Exhausted, from_rpc_error
from errand_scheduler.edges.stream import SendLimit
from tests.unit import unguarded

if TYPE_CHECKING:  # the stubs of the aio flavour are known to the type checker alone
    from errand.v1.task_service_pb2_grpc import TaskServiceAsyncStub

Context = grpc.aio.ServicerContext[Any, Any]
FULL = WatchEventsResponse(events=[Event(cursor="x" * 1000)] * 500)


class Spring(TaskServiceServicer):
    """Never ends by itself."""

    def __init__(self) -> None:
        self.sent = 0
        self.ended = asyncio.Event()

    async def WatchEvents(self, request: WatchEventsRequest, context: Context) -> AsyncIterator[WatchEventsResponse]:
        try:
            while True:
                yield FULL
                self.sent += 1
        finally:
            self.ended.set()


@asynccontextmanager
async def serving(spring: Spring, send_s: float) -> AsyncIterator["TaskServiceAsyncStub"]:
    server = rpc.server([unguarded.boundary(), SendLimit(send_s)])
    add_TaskServiceServicer_to_server(spring, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield TaskServiceStub(channel)
    await server.stop(grace=None)


async def test_who_takes_nothing_is_cut_off_and_told_to_come_back() -> None:
    spring = Spring()
    async with asyncio.timeout(20), serving(spring, 0.2) as stub:
        call = stub.WatchEvents(WatchEventsRequest())
        await call.read()
        await spring.ended.wait()
        error = None
        try:
            while await call.read() is not grpc.aio.EOF:
                continue
        except grpc.aio.AioRpcError as exc:
            error = from_rpc_error(exc)
    assert isinstance(error, Exhausted)
    assert error.retry_after is not None
    assert spring.sent * FULL.ByteSize() < 32 * 1024 * 1024


async def test_who_takes_slowly_is_served() -> None:
    spring = Spring()
    async with asyncio.timeout(20), serving(spring, 2.5) as stub:
        call = stub.WatchEvents(WatchEventsRequest())
        loop = asyncio.get_running_loop()
        end_s = loop.time() + 2.7
        while loop.time() < end_s:
            for _ in range(4):
                assert await call.read() is not grpc.aio.EOF
            await asyncio.sleep(0.05)
        assert not spring.ended.is_set()
        call.cancel()
        await spring.ended.wait()


async def test_who_leaves_while_a_message_waits_is_no_bug() -> None:
    spring = Spring()
    with structlog.testing.capture_logs() as lines:
        async with asyncio.timeout(20), serving(spring, 20.0) as stub:
            call = stub.WatchEvents(WatchEventsRequest())
            await call.read()
            sent = 0
            while spring.sent != sent:
                sent = spring.sent
                await asyncio.sleep(0.05)
            call.cancel()
            await spring.ended.wait()
    assert lines == []
