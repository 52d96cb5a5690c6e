"""Requests of a stream are answered in order, with a bounded number under way."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from errand_scheduler.edges.window import answered


class Answers:
    """Answers when told."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.cancelled: list[int] = []
        self.open: dict[int, asyncio.Future[str]] = {}

    async def __call__(self, request: int) -> str:
        self.begun.append(request)
        self.open[request] = asyncio.get_running_loop().create_future()
        try:
            return await self.open[request]
        except asyncio.CancelledError:
            self.cancelled.append(request)
            raise


async def numbers(count: int) -> AsyncIterator[int]:
    for number in range(count):
        yield number


async def settled() -> None:
    """Everything that can happen has."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_the_answers_are_in_order_whichever_is_there_first() -> None:
    answers = Answers()
    stream = answered(numbers(3), answers, window=3, stopped=asyncio.Event())
    first = asyncio.ensure_future(anext(stream))
    await settled()
    for request in (2, 1):
        answers.open[request].set_result(f"answer {request}")
    await settled()
    assert not first.done()
    answers.open[0].set_result("answer 0")
    assert [await first, *[each async for each in stream]] == ["answer 0", "answer 1", "answer 2"]


async def test_no_more_than_the_window_are_taken() -> None:
    answers = Answers()
    stream = answered(numbers(9), answers, window=4, stopped=asyncio.Event())
    first = asyncio.ensure_future(anext(stream))
    await settled()
    assert answers.begun == [0, 1, 2, 3]
    answers.open[0].set_result("")
    await first
    second = asyncio.ensure_future(anext(stream))
    await settled()
    assert answers.begun == [0, 1, 2, 3, 4]
    second.cancel()
    await asyncio.wait([second])


async def test_an_answer_that_fails_ends_the_stream_behind_the_answers_before_it() -> None:
    answers = Answers()
    stream = answered(numbers(4), answers, window=4, stopped=asyncio.Event())
    first = asyncio.ensure_future(anext(stream))
    await settled()
    answers.open[1].set_exception(ValueError("no"))
    answers.open[0].set_result("answer 0")
    assert await first == "answer 0"
    with pytest.raises(ValueError, match="no"):
        await anext(stream)
    assert answers.cancelled == [2, 3]
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_reader_that_goes_away_leaves_nothing_running() -> None:
    answers = Answers()
    stream = answered(numbers(9), answers, window=2, stopped=asyncio.Event())
    first = asyncio.ensure_future(anext(stream))
    await settled()
    first.cancel()
    await asyncio.wait([first])
    assert answers.cancelled == [0, 1]
    assert len(asyncio.all_tasks()) == 1


async def test_requests_that_break_off_end_the_stream() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 0
        raise ConnectionError("gone")

    answers = Answers()
    with pytest.raises(ConnectionError):
        await anext(answered(broken(), answers, window=2, stopped=asyncio.Event()))
    assert answers.cancelled == [0]


async def test_a_stop_ends_the_stream_behind_the_answers_to_what_was_taken() -> None:
    async def one_and_then_none() -> AsyncIterator[int]:
        yield 0
        await asyncio.get_running_loop().create_future()

    answers, stopped = Answers(), asyncio.Event()
    stream = answered(one_and_then_none(), answers, window=2, stopped=stopped)
    first = asyncio.ensure_future(anext(stream))
    await settled()
    stopped.set()
    await settled()
    assert not first.done()
    answers.open[0].set_result("answer 0")
    assert [await first, *[each async for each in stream]] == ["answer 0"]
    assert len(asyncio.all_tasks()) == 1
