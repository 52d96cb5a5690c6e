"""Somebody between the services who reads every call: loses replies, and sends requests twice, or long after."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import grpc

from errand_common import contract, rpc
from tests.demo.ports import free_port
from tests.demo.stack import Stack

Metadata = tuple[tuple[str, Any], ...]
_SKIPPED = ("user-agent", "grpc-", ":", "content-type", "te")


@dataclass(frozen=True)
class Call:
    """A unary request that came by."""

    method: str
    request: bytes
    metadata: Metadata


@dataclass
class Middle:
    """Passes all on, bytes as they are, but for what is said of a method by its short name: what is `lost` comes back
    as a broken connection so many times, after it was done; what is `changed` goes on as something else. With `twice`
    every unary request is sent a second time before the first is answered.
    """

    address: str
    channel: grpc.aio.Channel
    lost: Counter[str] = field(default_factory=Counter)
    twice: bool = False
    changed: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    seen: list[Call] = field(default_factory=list)

    async def send(self, call: Call) -> bytes:
        """A request again, as it was. Raises grpc.aio.AioRpcError."""
        method: Any = self.channel.unary_unary(call.method)
        return bytes(await method(call.request, metadata=call.metadata, timeout=30))

    async def send_again(self, call: Call) -> None:
        """The same, whatever comes of it."""
        with suppress(grpc.aio.AioRpcError):
            await self.send(call)

    def handler(self, method: str) -> Callable[[AsyncIterator[bytes], Any], AsyncIterator[bytes]]:
        """How a method is passed on: what is unary on the wire is a stream of one."""

        async def carry(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            metadata = _kept(context.invocation_metadata())
            short = method.rpartition("/")[2]
            if change := self.changed.get(short):
                requests = _each(requests, change)
            if method not in contract.streams():
                call = Call(method, await anext(aiter(requests)), metadata)
                self.seen.append(call)
                if self.twice:
                    await asyncio.gather(self.send(call), return_exceptions=True)
                requests = _one(call.request)
            upstream: Any = self.channel.stream_stream(method)
            call_up = upstream(requests, metadata=metadata, timeout=context.time_remaining())
            try:
                async for reply in call_up:
                    if self.lost[short] > 0:
                        self.lost[short] -= 1
                        await context.abort(grpc.StatusCode.UNAVAILABLE, "lost on its way")
                    yield reply
            except grpc.aio.AioRpcError as exc:
                trailing = _kept(exc.trailing_metadata() or ())
                await context.abort(exc.code(), exc.details() or "", trailing)
            finally:
                call_up.cancel()

        return carry


class _Generic(grpc.GenericRpcHandler):
    def __init__(self, middle: Middle) -> None:
        self._middle = middle

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return grpc.stream_stream_rpc_method_handler(self._middle.handler(handler_call_details.method))


@asynccontextmanager
async def middle(stack: Stack) -> AsyncIterator[Middle]:
    """Before the stack's scheduler, with that one's own certificate."""
    folder = stack.folder / "scheduler" / "tls"
    shown = grpc.ssl_server_credentials([((folder / "server.key").read_bytes(), (folder / "server.pem").read_bytes())])
    address = f"127.0.0.1:{free_port()}"
    async with rpc.channel(stack.scheduler_address, ca=(folder / "ca.pem").read_bytes()) as channel:
        between = Middle(address, channel)
        server = rpc.server([])
        server.add_generic_rpc_handlers((_Generic(between),))
        server.add_secure_port(address, shown)
        await server.start()
        try:
            yield between
        finally:
            await server.stop(0.5)


def _kept(metadata: Any) -> Metadata:
    return tuple((key, value) for key, value in metadata if not key.startswith(_SKIPPED) or key.endswith("-bin"))


async def _one(request: bytes) -> AsyncIterator[bytes]:
    yield request


async def _each(requests: AsyncIterator[bytes], change: Callable[[bytes], bytes]) -> AsyncIterator[bytes]:
    async for request in requests:
        yield change(request)
