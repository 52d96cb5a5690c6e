"""Streams of responses, sent as long as somebody takes them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import grpc

from errand_common.errors import Exhausted

SEND_S = 15.0
"""How long a caller may take nothing of a stream before it is cut off."""

_COME_BACK = timedelta(seconds=1)


class SendLimit(grpc.aio.ServerInterceptor):
    """Ends a stream of responses with Exhausted when one of them waits for its caller for longer than `send_s`.

    gRPC itself would wait for ever, with the message in memory, for a caller that is there and does not read.
    """

    def __init__(self, send_s: float) -> None:
        self._send_s = send_s

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None or not handler.response_streaming:
            return handler
        serializers = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.request_streaming:
            return grpc.stream_stream_rpc_method_handler(self._sending(handler.stream_stream), **serializers)
        return grpc.unary_stream_rpc_method_handler(self._sending(handler.unary_stream), **serializers)

    def _sending(self, behaviour: Any) -> Any:
        async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            responses = behaviour(request, context)
            if not isinstance(responses, AsyncGenerator):  # gRPC's own services write to the context themselves
                await responses
                return
            async with aclosing(responses):
                async for response in responses:
                    if not await self._sent(response, context):
                        return

        return call

    async def _sent(self, response: Any, context: grpc.aio.ServicerContext[Any, Any]) -> bool:
        """False once the caller is gone. Raises Exhausted when the caller is there and takes nothing."""
        try:
            async with asyncio.timeout(self._send_s):
                await context.write(response)
        except grpc.aio.BaseError:
            # A call that is over cannot be written to; gRPC's core has told whoever is left.
            return False
        except TimeoutError as exc:
            raise Exhausted(
                f"nothing of this stream was taken for {self._send_s:g} s; read faster, and go on from the last cursor",
                retry_after=_COME_BACK,
            ) from exc
        return True
