"""Reading a call's requests until the caller, or the scheduler, has had enough."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def until_stopped(requests: AsyncIterator[T], stopped: asyncio.Event) -> AsyncIterator[T]:
    """The requests as they come; ends when there are no more, or promptly once `stopped` is set."""
    stop = asyncio.ensure_future(stopped.wait())
    following: asyncio.Future[T] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(requests))
            await asyncio.wait({following, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                return
            try:
                request = following.result()
            except StopAsyncIteration:
                return
            yield request
    finally:
        stop.cancel()
        if following is not None:
            following.cancel()
