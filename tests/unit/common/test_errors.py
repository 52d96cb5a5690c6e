"""An error keeps its kind, reason and words across gRPC; a transport's own error is told apart; a bug tells nothing."""

from contextlib import asynccontextmanager
from datetime import timedelta

import grpc
import pytest

from errand.v1 import task_service_pb2 as pb
from errand.v1.account_service_pb2 import GetMeRequest
from errand.v1.account_service_pb2_grpc import AccountServiceStub
from errand.v1.task_service_pb2_grpc import TaskServiceServicer, TaskServiceStub, add_TaskServiceServicer_to_server
from errand_common import errors, rpc
from tests.patience import ANSWER_S
from tests.unit import unguarded


class Failing(TaskServiceServicer):
    def __init__(self, error: Exception) -> None:
        self.error = error

    async def GetTask(self, request, context):
        raise self.error

    async def WatchEvents(self, request, context):
        yield pb.WatchEventsResponse()
        raise self.error


@asynccontextmanager
async def calling(error, *, stub=TaskServiceStub):
    server = rpc.server([unguarded.boundary()])
    add_TaskServiceServicer_to_server(Failing(error), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield stub(channel)
    await server.stop(None)


@pytest.mark.parametrize("kind", errors.ErrandError.__subclasses__())
async def test_each_kind_crosses_the_wire_whole(kind):
    sent = kind("task t_9 is finished; start a new one", reason="WRONG_STATE", retry_after=timedelta(seconds=3))
    async with calling(sent) as stub:
        with pytest.raises(errors.ErrandError) as caught, rpc.renamed_errors():
            await stub.GetTask(pb.GetTaskRequest(), timeout=ANSWER_S)

    assert type(caught.value) is kind
    assert (caught.value.message, caught.value.reason) == (sent.message, "WRONG_STATE")
    assert caught.value.retry_after == timedelta(seconds=3)


async def test_an_error_in_mid_stream_crosses_too():
    async with calling(errors.Denied("no longer")) as stub:
        with pytest.raises(errors.Denied, match="no longer"), rpc.renamed_errors():
            async for _ in stub.WatchEvents(pb.WatchEventsRequest(), timeout=ANSWER_S):
                pass


async def test_a_bug_leaves_as_internal_without_its_words():
    async with calling(ZeroDivisionError("the password is 123")) as stub:
        with pytest.raises(errors.Internal) as caught, rpc.renamed_errors():
            await stub.GetTask(pb.GetTaskRequest(), timeout=ANSWER_S)

    assert "123" not in caught.value.message


async def test_a_server_that_is_away_is_unavailable():
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        with pytest.raises(errors.Unavailable) as caught, rpc.renamed_errors():
            await TaskServiceStub(channel).GetTask(pb.GetTaskRequest(), timeout=ANSWER_S)

    assert "127.0.0.1" in caught.value.transport
    assert "127.0.0.1" not in caught.value.message


async def test_a_call_that_the_server_lacks_is_final():
    async with calling(errors.Invalid("x"), stub=AccountServiceStub) as stub:
        with pytest.raises(errors.Internal, match="same version"), rpc.renamed_errors():
            await stub.GetMe(GetMeRequest(), timeout=ANSWER_S)
