"""What a caller sends, read once the call was let in: within a time, and told in words where it is no message."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

import grpc
from google.protobuf.message import DecodeError

from errand_common.errors import Invalid

MESSAGE_S = 60.0
"""So long may a call's message take to come: 4 MiB over a slow line."""


class Readable(Protocol):
    """What is used here of gRPC's context of a call."""

    async def read(self) -> Any:
        """The next message, or grpc.aio.EOF."""


async def only(context: Readable, *, within_s: float = MESSAGE_S) -> Any:
    """The one message of a call that has no stream of them. Raises Invalid."""
    try:
        async with asyncio.timeout(within_s):
            request = await context.read()
    except TimeoutError as exc:
        raise Invalid(f"the call's message did not come within {within_s:g} s; send all of it at once") from exc
    except DecodeError as exc:
        raise _no_message() from exc
    if request is grpc.aio.EOF:
        raise Invalid("the call carries no message; send one, which may be empty")
    return request


async def readable(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Each as it comes. Raises Invalid where one is none of its kind."""
    try:
        async for request in requests:
            yield request
    except DecodeError as exc:
        raise _no_message() from exc


def _no_message() -> Invalid:
    return Invalid("what was sent is no message of this method; use the contract in protos/errand/v1")
