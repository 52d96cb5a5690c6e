"""A call's message is read once the call was let in, within a time; what is no message is told so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from errand.v1 import task_service_pb2 as pb
from errand.v1.task_service_pb2_grpc import TaskServiceServicer, add_TaskServiceServicer_to_server
from errand_common import requests, rpc
from errand_common.errors import Invalid, Unauthenticated

METHODS = ["GetTask", "WatchEvents"]
WITHIN_S = 10


class Served(TaskServiceServicer):
    async def GetTask(self, request, context):
        return pb.GetTaskResponse()

    async def WatchEvents(self, request, context):
        yield pb.WatchEventsResponse()


@asynccontextmanager
async def channel(*, let_in: bool) -> AsyncIterator[grpc.aio.Channel]:
    @asynccontextmanager
    async def around(method, context):
        if not let_in:
            raise Unauthenticated("who are you?")
        yield

    server = rpc.server([rpc.Boundary(around)])
    add_TaskServiceServicer_to_server(Served(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as opened:
        yield opened
    await server.stop(None)


async def sent(opened: grpc.aio.Channel, method: str, messages: AsyncIterator[bytes]) -> object:
    """The first answer to these bytes, as a client sends them that takes the method for one with streams."""
    path: Any = opened.stream_stream(f"/errand.v1.TaskService/{method}")
    with rpc.renamed_errors():
        return await path(messages, timeout=WITHIN_S).read()


async def never() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


async def these(*messages: bytes) -> AsyncIterator[bytes]:
    for message in messages:
        yield message


@pytest.mark.parametrize("method", METHODS)
async def test_who_is_not_let_in_is_told_before_their_message_comes(method):
    async with channel(let_in=False) as opened:
        with pytest.raises(Unauthenticated, match="who are you"):
            await sent(opened, method, never())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("messages", "words"), [([b"\xff\xff"], "is no message of this method"), ([], "no message")])
async def test_what_is_no_message_is_told_so(method, messages, words):
    async with channel(let_in=True) as opened:
        with pytest.raises(Invalid, match=words):
            await sent(opened, method, these(*messages))
        assert await sent(opened, method, these(b"")) == b""


class Silent:
    async def read(self):
        await asyncio.Event().wait()


async def test_a_message_that_does_not_come_ends_the_call():
    with pytest.raises(Invalid, match=r"did not come within 0.1 s"):
        await requests.only(Silent(), within_s=0.1)
