"""Calls over the simulated network, to handlers that the real Boundary wrapped: both ends of each."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import grpc

from tests.sim import poison
from tests.sim.method import Method
from tests.sim.network import Network, Pipe, transport_error
from tests.sim.server import Server

_WINDOW = 16  # messages that may be under way one way before the sender waits


class Core:
    """One call, as the network knows it: what the client holds refers to it, not the other way round."""

    def __init__(self, stub: Any, method: Method, metadata: Any, timeout: float | None) -> None:
        self.stub, self.method, self.metadata = stub, method, metadata
        self.network: Network = stub.network
        self.pipe: Pipe = self.network.pipe(stub.link)
        self.pipe.on_client_lost = self.fail_transport
        self.pipe.on_server_lost = self.cancel_handler
        self.loop = asyncio.get_running_loop()
        self.received: deque[Any] = deque()
        self.requests: deque[Any] = deque()
        self.requests_done = False
        self.error: grpc.aio.AioRpcError | None = None
        self.done = False
        self.client_wake: asyncio.Future[None] | None = None
        self.server_wake: asyncio.Future[None] | None = None
        self.flow_wake: asyncio.Future[None] | None = None
        self.write_wake: asyncio.Future[None] | None = None
        self.task: asyncio.Task[Any] | None = None
        self.server: Server | None = None
        self.timer = None
        if timeout is not None:
            self.timer = self.loop.call_later(timeout, self.expire, context=self.network.nowhere())

    # The client's end

    def finish(self, error: grpc.aio.AioRpcError | None = None) -> None:
        """The call is over for the client."""
        if self.done:
            return
        self.done, self.error = True, error
        if self.timer is not None:
            self.timer.cancel()
        _wake(self.client_wake)
        _wake(self.write_wake)

    def fail_transport(self) -> None:
        """The connection broke."""
        self.finish(transport_error(grpc.StatusCode.UNAVAILABLE, "Socket closed"))

    def expire(self) -> None:
        """The deadline passed: both sides end the call."""
        self.finish(transport_error(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"))
        self.hang_up()

    def cancel(self) -> None:
        """The client no longer wants it."""
        if not self.done:
            self.finish(transport_error(grpc.StatusCode.CANCELLED, "Locally cancelled by application!"))
            self.hang_up()

    def hang_up(self) -> None:
        """Tell the server, if that can be told."""
        if self.pipe.open:
            self.pipe.send(True, self.cancel_handler)

    async def next_response(self) -> Any:
        """The next one; EOF at the end. Raises AioRpcError."""
        while not self.received:
            if self.done:
                if self.error is not None:
                    raise self.error
                return grpc.aio.EOF
            self.client_wake = self.loop.create_future()
            try:
                await self.client_wake
            except asyncio.CancelledError:
                self.cancel()
                raise
        _wake(self.flow_wake)
        return self.received.popleft()

    async def write(self, request: Any) -> None:
        """Send a request of the stream."""
        if self.done:
            raise asyncio.InvalidStateError("RPC already finished.")
        data = request.SerializeToString()
        self.stub.outgoing(self.method.name, request)
        self.pipe.send(True, lambda: self.request_arrived(data))
        while len(self.requests) > _WINDOW and not self.done:
            self.write_wake = self.loop.create_future()
            await self.write_wake

    async def done_writing(self) -> None:
        """No more requests."""
        if not self.done:
            self.pipe.send(True, self.requests_ended)

    # The server's end

    def begin(self, data: bytes | None) -> None:
        """The call arrived."""
        server = self.network.server
        self.network.step(f"{self.stub.link.name} {self.method.name}")
        if server is None or not server.serving or not server.process.alive:
            self.refuse()
            return
        self.server = server
        self.task = server.run(self.method.serve(self, server.handlers[self.method.path], data))

    def refuse(self) -> None:
        """Nobody listens."""
        if self.pipe.open:
            self.pipe.close()
            self.finish(transport_error(grpc.StatusCode.UNAVAILABLE, "connection refused"))

    def refuse_transport(self, code: grpc.StatusCode, words: str) -> None:
        """gRPC itself ends the call."""
        self.pipe.close()
        self.finish(transport_error(code, words))

    def request_arrived(self, data: bytes) -> None:
        """One more request of the stream."""
        self.network.step(f"{self.stub.link.name} {self.method.name} request")
        if (code := poison.transport_refusal(data)) is not None:
            self.pipe.send(False, lambda: self.refuse_transport(code, "Received message larger than max"))
            self.cancel_handler_alone()
            return
        self.requests.append(data)
        _wake(self.server_wake)
        if self.network.happens(self.network.weather.cut_stream):
            self.pipe.lose()

    def requests_ended(self) -> None:
        """The client is done writing."""
        self.requests_done = True
        _wake(self.server_wake)

    def cancel_handler(self) -> None:
        """The client is gone."""
        self.pipe.close()
        self.cancel_handler_alone()

    def cancel_handler_alone(self) -> None:
        """Nobody needs what it does."""
        if self.task is not None and not self.task.done():
            self.task.cancel()

    async def request_iterator(self, deserialize: Any) -> AsyncIterator[Any]:
        """The requests, as the handler gets them."""
        while True:
            while self.requests:
                data = self.requests.popleft()
                _wake(self.write_wake)
                poison.check_readable(data)
                yield deserialize(data)
            if self.requests_done:
                return
            self.server_wake = self.loop.create_future()
            await self.server_wake

    async def respond(self, data: bytes) -> None:
        """Send a response, no faster than the client reads."""
        if self.pipe.open:
            self.pipe.send(False, lambda: self.response_arrived(data))
        while len(self.received) > _WINDOW and not self.done:
            self.flow_wake = self.loop.create_future()
            await self.flow_wake

    def response_arrived(self, data: bytes) -> None:
        """One more response."""
        self.network.step(f"{self.stub.link.name} {self.method.name} response")
        if self.done:
            return
        self.received.append(self.method.response.FromString(data))
        _wake(self.client_wake)
        if self.method.server_streaming and self.network.happens(self.network.weather.cut_stream):
            self.pipe.lose()

    def end(self, status: grpc.Status | None) -> None:
        """The handler is done."""
        if not self.pipe.open:
            return
        if self.network.happens(self.network.weather.lose_reply) and not self.method.server_streaming:
            self.pipe.lose()
            return
        self.pipe.send(False, lambda: self.ended(status))

    def ended(self, status: grpc.Status | None) -> None:
        """The client learns how it ended."""
        self.pipe.close()
        self.finish(None if status is None else _as_error(status))


def _wake(future: "asyncio.Future[None] | None") -> None:
    if future is not None and not future.done():
        future.set_result(None)


def _as_error(status: grpc.Status) -> grpc.aio.AioRpcError:
    trailing = grpc.aio.Metadata(*(status.trailing_metadata or ()))
    return grpc.aio.AioRpcError(status.code, grpc.aio.Metadata(), trailing, status.details, status.details)
