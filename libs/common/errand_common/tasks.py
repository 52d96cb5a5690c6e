"""Waiting for tasks so that neither an end, an error nor a cancellation is lost on the way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


async def until_one_ends(*parts: Coroutine[object, object, object]) -> None:
    """Run the parts side by side; when one ends, cancel the others. Raises the first error of a part, as it is.

    Not a TaskGroup: one that ends by an error forgets that it was cancelled meanwhile (before Python 3.13), and a
    service that is stopped at the moment in which its peer goes away would never stop.
    """
    tasks = [asyncio.ensure_future(part) for part in parts]
    for task in tasks:
        # Of several errors one is raised; asyncio shall not call the others unseen.
        task.add_done_callback(_failure)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await to_the_end(asyncio.wait(tasks))
    for failure in filter(None, map(_failure, tasks)):
        raise failure


@asynccontextmanager
async def beside(work: Coroutine[object, object, T]) -> AsyncIterator[asyncio.Future[T]]:
    """Runs work beside what the context does, which awaits its result before it ends; else it is cancelled then."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(_failure)
    try:
        yield task
    finally:
        task.cancel()
        await to_the_end(asyncio.wait([task]))


async def side_by_side(parts: Sequence[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
    """Runs the parts, so many at once; gives their results in order. An error of one, or a cancellation, ends all."""
    room = asyncio.Semaphore(at_once)

    async def one(part: Callable[[], Awaitable[T]]) -> T:
        async with room:
            return await part()

    tasks = [asyncio.ensure_future(one(part)) for part in parts]
    for task in tasks:
        task.add_done_callback(_failure)
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await to_the_end(asyncio.wait(tasks))


def _failure(task: asyncio.Task[object]) -> BaseException | None:
    return None if task.cancelled() else task.exception()


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
