"""The server's end of the simulated network: the handlers that one process of the scheduler serves."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from errand_common.errors import Denied
from tests.sim.process import Process


class Server:
    """The handlers of one process of the scheduler."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.handlers: dict[str, Any] = {}
        self.interceptors: list[Any] = []
        self.serving = False
        self.tasks: dict[int, asyncio.Task[Any]] = {}
        self._count = 0

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        """As the generated code asks for it."""
        self.handlers |= {f"/{service}/{name}": handler for name, handler in handlers.items()}

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """The same, which gRPC wants twice."""

    def add_secure_port(self, address: str, credentials: Any) -> int:
        """There is but one port."""
        return 7443

    async def start(self) -> None:
        """From here on calls are answered."""
        for path, handler in list(self.handlers.items()):
            for interceptor in reversed(self.interceptors):
                handler = await interceptor.intercept_service(_always(handler), _Details(path))
            self.handlers[path] = handler
        self.serving = True

    async def stop(self, grace: float | None) -> None:
        """No new calls; the streams have the grace to end."""
        self.serving = False
        if self.tasks:
            await asyncio.wait(list(self.tasks.values()), timeout=grace)
        for task in list(self.tasks.values()):
            task.cancel()

    def run(self, coro: Any) -> "asyncio.Task[Any]":
        """A handler's task."""
        self._count += 1
        number = self._count
        task = self.process.spawn(coro)
        self.tasks[number] = task
        task.add_done_callback(lambda _: self.tasks.pop(number, None))
        return task


class _Details:
    invocation_metadata = ()

    def __init__(self, method: str) -> None:
        self.method = method


def _always(handler: Any) -> Any:
    async def continuation(_: Any) -> Any:
        return handler

    return continuation


class Context:
    """What a handler sees of its call."""

    def __init__(self, metadata: Any, send: Callable[[Any], Awaitable[None]], request: Any = None) -> None:
        """`request` is the only one, where there is no stream of them."""
        self._metadata, self._request = tuple(metadata or ()), request
        self._send = send
        self.status: grpc.Status | None = None

    def invocation_metadata(self) -> Any:
        """What the caller sent."""
        return self._metadata

    async def read(self) -> Any:
        """The request."""
        return self._request

    async def write(self, response: Any) -> None:
        """Send a response."""
        await self._send(response)

    def peer(self) -> str:
        """Somewhere."""
        return "sim"

    def set_code(self, code: Any) -> None:
        """Only what is not implemented says so."""
        raise Denied("this method is not implemented")

    async def abort_with_status(self, status: Any) -> None:
        """End the call with an error."""
        self.status = status
        raise grpc.aio.AbortError
