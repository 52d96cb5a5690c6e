"""Answering a stream of requests in order, with several of them under way."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")


async def answered(
    requests: AsyncIterator[Request], answer: Callable[[Request], Coroutine[object, object, Answer]], *, window: int
) -> AsyncGenerator[Answer, None]:
    """The answers in the order of the requests, of which at most `window` are taken and not yet answered.

    Raises what an answer raises, when its turn comes; what is under way behind it is cancelled.
    """
    under_way: deque[asyncio.Task[Answer]] = deque()
    following: asyncio.Task[Request | None] | None = None
    more = True
    try:
        while more or under_way:
            if more and following is None and len(under_way) < window:
                following = asyncio.create_task(_next(requests))
            waited = [task for task in (following, *list(under_way)[:1]) if task is not None]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if following is not None and following.done():
                request, following = following.result(), None
                if request is None:
                    more = False
                else:
                    under_way.append(asyncio.create_task(answer(request)))
            while under_way and under_way[0].done():
                yield under_way.popleft().result()
    finally:
        await _cancelled([*filter(None, [following]), *under_way])


async def _next(requests: AsyncIterator[Request]) -> Request | None:
    return await anext(requests, None)


async def _cancelled(tasks: Sequence[asyncio.Future[Any]]) -> None:
    """Ends tasks whose results nobody wants any more, their failures included."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
