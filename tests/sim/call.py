"""A call in the shape of grpc.aio, as its client holds it."""

from typing import Any

import grpc

from tests.sim.calls import Core
from tests.sim.network import transport_error


class Call:
    """What the client holds. Dropped, it cancels."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def __aiter__(self) -> "Call":
        return self

    async def __anext__(self) -> Any:
        response = await self._core.next_response()
        if response is grpc.aio.EOF:
            raise StopAsyncIteration
        return response

    def __await__(self) -> Any:
        return self._reply().__await__()

    async def _reply(self) -> Any:
        reply = await self._core.next_response()
        if reply is grpc.aio.EOF:
            raise transport_error(grpc.StatusCode.INTERNAL, "no response")
        return reply

    async def read(self) -> Any:
        """The next response, EOF at the end."""
        return await self._core.next_response()

    async def write(self, request: Any) -> None:
        """Send one more request."""
        await self._core.write(request)

    async def done_writing(self) -> None:
        """No more requests."""
        await self._core.done_writing()

    def cancel(self) -> bool:
        """End the call."""
        self._core.cancel()
        return True

    def done(self) -> bool:
        """Whether it is over."""
        return self._core.done

    def __del__(self) -> None:
        try:
            self._core.cancel()
        except RuntimeError:
            return
