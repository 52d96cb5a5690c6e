"""The scheduler double without a socket between, for tests that need thousands of streams."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from errand.v1 import dispatch_service_pb2 as pb
from tests.unit.runner.scheduler_double import SchedulerDouble


@asynccontextmanager
async def direct(double: SchedulerDouble) -> AsyncGenerator["DirectStub"]:
    """A stand-in for the stub that `serving` gives, as far as the sender of events uses it."""
    yield DirectStub(double)


class DirectStub:
    """Calls of the sender, answered in this process."""

    def __init__(self, double: SchedulerDouble) -> None:
        self._double = double

    def StreamEvents(self, metadata: Any) -> "DirectCall":
        """Opens a stream."""
        return DirectCall(self._double)

    async def PutBlob(self, pieces: Iterable[pb.PutBlobRequest], metadata: Any, timeout: float) -> pb.PutBlobResponse:  # noqa: ASYNC109  # gRPC's
        """Puts a blob."""

        async def sent() -> AsyncIterator[pb.PutBlobRequest]:
            for piece in pieces:
                yield piece

        response: pb.PutBlobResponse = await self._double.PutBlob(sent(), None)
        return response


class DirectCall:
    """One open stream."""

    def __init__(self, double: SchedulerDouble) -> None:
        self._requests: asyncio.Queue[pb.StreamEventsRequest] = asyncio.Queue()
        self._responses = double.StreamEvents(self._sent(), None)
        self._over = False

    async def write(self, request: pb.StreamEventsRequest) -> None:
        """Sends one; on a stream that has ended it raises as gRPC does."""
        if self._over:
            raise asyncio.InvalidStateError
        copy = pb.StreamEventsRequest.FromString(request.SerializeToString())
        await self._requests.put(copy)

    async def read(self) -> Any:
        """The next answer. Raises what broke the stream."""
        try:
            return await anext(self._responses)
        except StopAsyncIteration:
            self._over = True
            return grpc.aio.EOF
        except Exception:
            self._over = True
            raise

    def cancel(self) -> None:
        """Ends it from this side."""
        self._over = True

    async def _sent(self) -> AsyncIterator[pb.StreamEventsRequest]:
        while True:
            yield await self._requests.get()
