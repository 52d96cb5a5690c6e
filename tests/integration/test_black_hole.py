"""A connection that takes everything and delivers nothing is found out by both of its ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from errand.v1 import dispatch_service_pb2 as pb
from errand.v1.dispatch_service_pb2_grpc import (
    DispatchServiceServicer,
    DispatchServiceStub,
    add_DispatchServiceServicer_to_server,
)
from errand_common import rpc
from errand_common.errors import Unavailable, Unimplemented
from tests.certificates import identity, scheduler_showing
from tests.chaos.wire import Wire, wire_to

WITHIN_S = 20.0
"""Where an option is lost it takes a minute, or for ever; a tenth of this where none is."""


class Silent(DispatchServiceServicer):
    """Watches in which nothing ever happens."""

    def __init__(self) -> None:
        self.began, self.ended = asyncio.Event(), asyncio.Event()

    async def WatchAssignments(
        self, request: pb.WatchAssignmentsRequest, context: object
    ) -> AsyncIterator[pb.WatchAssignmentsResponse]:
        self.began.set()
        try:
            await asyncio.Event().wait()
            yield pb.WatchAssignmentsResponse()
        finally:
            self.ended.set()


@asynccontextmanager
async def watched(silent: Silent, keepalive: rpc.Keepalive) -> AsyncIterator[tuple[Wire, asyncio.Future[object]]]:
    """A watch over a wire, and what it will bring."""
    shown = identity()
    server = rpc.server([], keepalive=keepalive)
    add_DispatchServiceServicer_to_server(silent, server)
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(shown.key, shown.certificate)]))
    await server.start()
    try:
        async with (
            wire_to(f"127.0.0.1:{port}") as wire,
            rpc.channel(wire.address, ca=shown.ca, keepalive=keepalive) as channel,
        ):
            call = DispatchServiceStub(channel).WatchAssignments(pb.WatchAssignmentsRequest())
            brings = asyncio.ensure_future(call.read())
            await silent.began.wait()
            yield wire, brings
            call.cancel()
    finally:
        await server.stop(None)


async def test_both_ends_of_a_black_hole_find_out() -> None:
    silent = Silent()
    async with asyncio.timeout(WITHIN_S), watched(silent, rpc.Keepalive(silence_s=1.0, answer_s=0.5)) as (wire, brings):
        wire.cut()
        with pytest.raises(grpc.aio.AioRpcError) as broken:
            await brings
        await silent.ended.wait()

    assert broken.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_one_from_the_first_byte_on_costs_a_call_its_time_and_no_more() -> None:
    shown = identity()
    async with (
        scheduler_showing(shown) as address,
        wire_to(address) as wire,
        rpc.channel(wire.address, ca=shown.ca) as channel,
        asyncio.timeout(WITHIN_S),
    ):
        wire.cut()
        stub = DispatchServiceStub(channel)
        with pytest.raises(Unavailable), rpc.renamed_errors():
            await stub.Heartbeat(pb.HeartbeatRequest(), timeout=1)
        wire.mend()
        with pytest.raises(Unimplemented), rpc.renamed_errors():
            await stub.Heartbeat(pb.HeartbeatRequest(), timeout=WITHIN_S, wait_for_ready=True)
