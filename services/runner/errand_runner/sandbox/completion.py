"""Waiting for work that must not be abandoned half way."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def to_the_end(work: Awaitable[T]) -> T:
    """Waits until work is done even when cancelled meanwhile; the cancellation is raised then.

    For what would leave a thing behind if nobody saw its end: a blocking call in a thread, a clean-up. The work itself
    must be bounded.
    """
    task = asyncio.ensure_future(work)
    cancellation: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as exc:
            cancellation = exc
    if cancellation is None:
        return task.result()
    if not task.cancelled() and (failure := task.exception()):
        raise cancellation from failure
    raise cancellation
