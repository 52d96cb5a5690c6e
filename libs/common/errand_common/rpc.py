"""gRPC as Errand uses it: TLS with one pinned CA, the same limits on both sides, errors renamed at both ends."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import structlog
from grpc_status import rpc_status

from errand_common import handshake, requests
from errand_common.crowd import Crowd
from errand_common.errors import ErrandError, Internal, from_rpc_error, to_status

Options = list[tuple[str, int | str]]
MESSAGE_BYTES = 4 * 1024 * 1024
"""The largest message, both ways (ARCHITECTURE.md, Bounds)."""
METADATA_BYTES = 16 * 1024
"""All that goes with a call beside its messages, both ways: the credential, a request id, the details of an error."""


@dataclass(frozen=True)
class Keepalive:
    """How a connection that delivers nothing is found: after how much silence the peer is asked, and how long it has to
    answer."""

    silence_s: float = 10.0
    answer_s: float = 5.0

    @property
    def options(self) -> Options:
        """For both sides: one that asks alone is the only one to find it."""
        return [
            ("grpc.keepalive_time_ms", round(self.silence_s * 1000)),
            ("grpc.keepalive_timeout_ms", round(self.answer_s * 1000)),
            # It is this that counts, not the one above alone (measured with grpcio 1.85: 64 s against 8 s).
            ("grpc.http2.ping_timeout_ms", round(self.answer_s * 1000)),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
        ]

    @property
    def allowed(self) -> Options:
        """How often a server lets itself be asked."""
        return [("grpc.http2.min_ping_interval_without_data_ms", round(self.silence_s * 500))]


KEEPALIVE = Keepalive()
_CROWD = Crowd()
_COMMON: Options = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    # From a soft limit of 8 KiB on gRPC refuses by chance; one limit tells the same to everybody at any time.
    ("grpc.max_metadata_size", METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES),
]
_SERVER: Options = [*_COMMON, ("grpc.so_reuseport", 0)]
_CLIENT: Options = [
    *_COMMON,
    # The scheduler is dialled where it is: what the environment says of web proxies is not about it.
    ("grpc.enable_http_proxy", 0),
    ("grpc.ssl_target_name_override", handshake.SERVER_NAME),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 10_000),
    ("grpc.enable_retries", 0),
]

_SMALL_WINDOWS: Options = [
    # Who reads says how much may be on its way to it: options of the server change nothing. Measured with grpcio 1.85
    # for a stream that nobody reads: 6.2 MB by default, and with these on the server; 94 KB with them here.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 64 * 1024),
]

REQUEST_ID = "x-request-id"
"""The call metadata under which a request's id travels, so that one id finds it in every service's log."""

Around = Callable[[str, grpc.aio.ServicerContext[Any, Any]], AbstractAsyncContextManager[None]]


def server(
    interceptors: Sequence[grpc.aio.ServerInterceptor], *, keepalive: Keepalive = KEEPALIVE, crowd: Crowd = _CROWD
) -> grpc.aio.Server:
    """A server with Errand's limits; the first interceptor is the outermost."""
    options = [*_SERVER, *keepalive.options, *keepalive.allowed, *crowd.options]
    return grpc.aio.server(interceptors=list(interceptors), options=options)


def channel(
    address: str, *, ca: bytes, keepalive: Keepalive = KEEPALIVE, small_windows: bool = False
) -> grpc.aio.Channel:
    """A channel to the scheduler at `host:port`, trusting this CA (PEM) alone.

    With `small_windows`, for streams that may be left unread: little of each is on its way, and kept at either end."""
    options = [*_CLIENT, *keepalive.options, *(_SMALL_WINDOWS if small_windows else ())]
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(ca), options=options)


def sync_channel(address: str, *, ca: bytes) -> grpc.Channel:
    """The same for a thread of its own (a runner's heartbeats)."""
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(ca), options=[*_CLIENT, *KEEPALIVE.options])


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The call metadata that carries a credential."""
    return (("authorization", f"Bearer {token}"),)


@contextmanager
def renamed_errors() -> Iterator[None]:
    """Around a call: what gRPC raises leaves as the ErrandError that it stands for."""
    try:
        yield
    except grpc.RpcError as exc:
        raise from_rpc_error(exc) from exc


class Boundary(grpc.aio.ServerInterceptor):
    """The outer edge of every method: runs it inside `around(method, context)` and turns what escapes into a status.

    Belongs to one server: a method's handler is looked up, and wrapped, when it is called for the first time."""

    def __init__(self, around: Around) -> None:
        self._around = around
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        method = handler_call_details.method
        if method not in self._wrapped:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            self._wrapped[method] = _wrap(handler, method, self._around)
        return self._wrapped[method]


def _wrap(handler: Any, method: str, around: Around) -> Any:
    """As a method that takes a stream, whatever it takes: gRPC reads a single message before it calls anybody, so that
    a stranger's 4 MiB would be in memory before it is known that they have no credential."""
    serializers = {
        "request_deserializer": handler.request_deserializer,
        "response_serializer": handler.response_serializer,
    }
    if handler.response_streaming:
        behaviour = handler.stream_stream if handler.request_streaming else handler.unary_stream
        call = _streaming(behaviour, method, around, one=not handler.request_streaming)
        return grpc.stream_stream_rpc_method_handler(call, **serializers)
    behaviour = handler.stream_unary if handler.request_streaming else handler.unary_unary
    call = _unary(behaviour, method, around, one=not handler.request_streaming)
    return grpc.stream_unary_rpc_method_handler(call, **serializers)


def _unary(behaviour: Any, method: str, around: Around, *, one: bool) -> Any:
    async def call(sent: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            async with around(method, context):
                result = behaviour(await requests.only(context) if one else requests.readable(sent), context)
                return await result if inspect.isawaitable(result) else result
        except Exception as exc:
            await _abort(context, method, exc)

    return call


def _streaming(behaviour: Any, method: str, around: Around, *, one: bool) -> Any:
    async def call(sent: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        try:
            async with around(method, context):
                responses = behaviour(await requests.only(context) if one else requests.readable(sent), context)
                if inspect.isawaitable(responses):  # a handler that writes to the context itself, as gRPC's health does
                    await responses
                    return
                async for response in responses:
                    yield response
        except Exception as exc:
            await _abort(context, method, exc)

    return call


async def _abort(context: grpc.aio.ServicerContext[Any, Any], method: str, error: Exception) -> None:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if not isinstance(error, ErrandError):
        structlog.get_logger().exception("method_failed", method=method)
        request_id = structlog.contextvars.get_contextvars().get("request_id", "of this call")
        error = Internal(f"something broke inside the scheduler; its log has the cause under request id {request_id}")
    await context.abort_with_status(rpc_status.to_status(to_status(error)))
