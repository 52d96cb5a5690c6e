"""Answering a stream of requests in order, with several of them under way."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")


async def answered(
    requests: AsyncIterator[Request],
    answer: Callable[[Request], Coroutine[object, object, Answer]],
    *,
    window: int,
    stopped: asyncio.Event,
) -> AsyncGenerator[Answer, None]:
    """The answers in the order of the requests, of which at most `window` are taken and not yet answered. Ends when
    there are no more, or promptly once `stopped` is set: then with the answers to what was taken.

    Raises what an answer raises, when its turn comes; what is under way behind it is cancelled.
    """
    under_way: deque[asyncio.Task[Answer]] = deque()
    following: asyncio.Task[Request | None] | None = None
    stop, more = asyncio.create_task(stopped.wait()), True
    try:
        while more or under_way:
            if more and following is None and len(under_way) < window:
                following = asyncio.create_task(_next(requests))
            coming = [stop, *filter(None, [following])] if more else []
            await asyncio.wait([*coming, *list(under_way)[:1]], return_when=asyncio.FIRST_COMPLETED)
            if more and following is not None and following.done():
                request, following = following.result(), None
                if request is None:
                    more = False
                else:
                    under_way.append(asyncio.create_task(answer(request)))
            elif stop.done():
                more = False
            while under_way and under_way[0].done():
                yield under_way.popleft().result()
    finally:
        await _cancelled([stop, *filter(None, [following]), *under_way])


async def _next(requests: AsyncIterator[Request]) -> Request | None:
    return await anext(requests, None)


async def _cancelled(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Ends tasks whose results nobody wants any more, their failures included."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
