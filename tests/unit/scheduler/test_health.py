"""Health is asked by anybody: how many watch it is bounded, and a watch ends with the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc

from errand_common import rpc
from errand_common.errors import Exhausted, NotFound, from_rpc_error
from errand_scheduler.edges.health import MOST_WATCHES, HealthEdge
from errand_scheduler.edges.stream import SEND_S, SendLimit
from tests.certificates import identity
from tests.unit import unguarded

if TYPE_CHECKING:
    Watch = grpc.aio.UnaryStreamCall[pb.HealthCheckRequest, pb.HealthCheckResponse]

SERVING, NOT_SERVING = pb.HealthCheckResponse.SERVING, pb.HealthCheckResponse.NOT_SERVING
WITHIN_S = 10.0


@asynccontextmanager
async def serving(edge: HealthEdge) -> AsyncIterator[health_pb2_grpc.HealthStub]:
    shown = identity()
    server = rpc.server([unguarded.boundary(), SendLimit(SEND_S)])
    health_pb2_grpc.add_HealthServicer_to_server(edge, server)
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(shown.key, shown.certificate)]))
    await server.start()
    async with rpc.channel(f"127.0.0.1:{port}", ca=shown.ca) as channel:
        yield health_pb2_grpc.HealthStub(channel)
    await server.stop(None)


async def next_of(watch: "Watch") -> int:
    async with asyncio.timeout(WITHIN_S):
        answer = await watch.read()
    assert isinstance(answer, pb.HealthCheckResponse)
    return int(answer.status)


async def test_a_watch_is_told_of_changes_and_ends_with_the_server() -> None:
    edge = HealthEdge()
    async with serving(edge) as health:
        watch = health.Watch(pb.HealthCheckRequest(service="a"))
        assert await next_of(watch) == pb.HealthCheckResponse.SERVICE_UNKNOWN
        for status in (SERVING, NOT_SERVING, SERVING):
            edge.tell("a", status)
            assert await next_of(watch) == status
        edge.stop()
        assert await next_of(watch) == NOT_SERVING
        async with asyncio.timeout(WITHIN_S):
            assert await watch.read() is grpc.aio.EOF


async def test_one_watch_too_many_is_told_what_else_there_is() -> None:
    edge = HealthEdge()
    async with serving(edge) as health:
        watches = [health.Watch(pb.HealthCheckRequest()) for _ in range(MOST_WATCHES)]
        for watch in watches:
            await next_of(watch)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await health.Watch(pb.HealthCheckRequest()).read()
        assert isinstance(error := from_rpc_error(refused.value), Exhausted)
        assert "call Check" in error.message
        watches[0].cancel()
        async with asyncio.timeout(WITHIN_S):
            while edge.watches == MOST_WATCHES:
                await asyncio.sleep(0.01)
        assert await next_of(health.Watch(pb.HealthCheckRequest())) == SERVING


async def test_a_service_that_is_not_there_is_told_so() -> None:
    async with serving(HealthEdge()) as health:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await health.Check(pb.HealthCheckRequest(service="nobody"), timeout=WITHIN_S)
    assert isinstance(from_rpc_error(refused.value), NotFound)
