"""What is larger than is taken at once is refused alike on both sides and in both directions, in words that help."""

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
from errand_common import handshake, rpc
from errand_common.errors import TooLarge
from tests.certificates import identity
from tests.patience import ANSWER_S
from tests.unit import unguarded

FITS, GIANT = rpc.MESSAGE_BYTES - 64, rpc.MESSAGE_BYTES + 1
UNLIMITED = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.ssl_target_name_override", handshake.SERVER_NAME),
]


class Parrot(DispatchServiceServicer):
    """Says as much as it is asked for."""

    async def OpenPullRequest(self, request, context):
        return pb.OpenPullRequestResponse(url="x" * request.commits)

    async def StreamEvents(self, requests, context):
        async for request in requests:
            yield pb.StreamEventsResponse(acks=[pb.AttemptAck(error_message="x" * request.batch_number)])


@asynccontextmanager
async def parrot(*, limited: bool) -> AsyncIterator[DispatchServiceStub]:
    """Called as Errand's own services do, or by a client that takes and sends anything."""

    shown = identity()
    server = rpc.server([unguarded.boundary()])
    add_DispatchServiceServicer_to_server(Parrot(), server)
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(shown.key, shown.certificate)]))
    await server.start()
    address, trusted = f"127.0.0.1:{port}", grpc.ssl_channel_credentials(shown.ca)
    opened = (
        rpc.channel(address, ca=shown.ca) if limited else grpc.aio.secure_channel(address, trusted, options=UNLIMITED)
    )
    async with opened as channel:
        yield DispatchServiceStub(channel)
    await server.stop(None)


async def alone(stub, *, up, down, metadata=None):
    request = pb.OpenPullRequestRequest(title="x" * up, commits=down)
    with rpc.renamed_errors():
        await stub.OpenPullRequest(request, metadata=metadata, timeout=ANSWER_S)


async def in_a_stream(stub, *, up, down):
    async def requests():
        yield pb.StreamEventsRequest()
        yield pb.StreamEventsRequest(session_id="x" * up, batch_number=down)

    with rpc.renamed_errors():
        answers = [answer async for answer in stub.StreamEvents(requests(), timeout=ANSWER_S)]
    assert len(answers) == 2


@pytest.mark.parametrize("call", [alone, in_a_stream])
async def test_a_message_of_the_largest_size_passes(call):
    async with parrot(limited=True) as stub:
        await call(stub, up=FITS, down=1)
        await call(stub, up=1, down=FITS)


@pytest.mark.parametrize("call", [alone, in_a_stream])
@pytest.mark.parametrize(("up", "down"), [(GIANT, 1), (1, GIANT)])
@pytest.mark.parametrize("limited", [True, False])
async def test_a_larger_one_is_refused_in_words_and_the_connection_goes_on(call, up, down, limited):
    async with parrot(limited=limited) as stub:
        with pytest.raises(TooLarge, match="send less, or ask for less") as refused:
            await call(stub, up=up, down=down)
        assert refused.value.transport.startswith("RESOURCE_EXHAUSTED")
        await alone(stub, up=1, down=1)


@pytest.mark.parametrize(
    "metadata",
    [
        [("x-note", "y" * 20_000)],
        [("authorization", f"Bearer {'z' * 20_000}")],
        [(f"x-{number}", "y" * 20) for number in range(1000)],
        [("x-note-bin", b"\xff" * 1_000_000)],
    ],
    ids=["one header", "a token", "many headers", "a megabyte"],
)
async def test_more_beside_a_message_than_anybody_needs_is_refused_at_any_time(metadata):
    async with parrot(limited=True) as stub:
        for _ in range(5):
            with pytest.raises(TooLarge, match="send its credential and little else"):
                await alone(stub, up=1, down=1, metadata=metadata)
            await alone(stub, up=1, down=1, metadata=[("x-note", "y" * 12_000)])
