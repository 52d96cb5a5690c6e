"""What many attempts ask at the same time is asked in few calls, and each hears its own answer."""

import asyncio
from collections.abc import Sequence

import pytest

from errand_common.errors import Unavailable
from errand_runner.together import MOST, Together


class Slow:
    """Answers when told to; `calls` are the items of each call."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.go = asyncio.Semaphore(0)
        self.failing = False

    async def __call__(self, items: Sequence[int]) -> Sequence[str]:
        self.calls.append(list(items))
        await self.go.acquire()
        if self.failing:
            raise Unavailable("away")
        return [f"answer {item}" for item in items]


async def asked(together: Together[int, str], items: Sequence[int]) -> list["asyncio.Task[str]"]:
    tasks = [asyncio.create_task(together.ask(item)) for item in items]
    await asyncio.sleep(0)
    return tasks


async def test_one_alone_is_asked_at_once() -> None:
    slow = Slow()
    slow.go.release()
    assert await Together(slow).ask(1) == "answer 1"
    assert slow.calls == [[1]]


async def test_what_is_asked_during_a_call_goes_with_the_next() -> None:
    slow = Slow()
    together = Together(slow)
    tasks = await asked(together, [1, 2, 3])
    slow.go.release()
    slow.go.release()
    assert await asyncio.gather(*tasks) == ["answer 1", "answer 2", "answer 3"]
    assert slow.calls == [[1], [2, 3]]


async def test_a_call_carries_no_more_than_the_contract_allows() -> None:
    slow = Slow()
    together = Together(slow)
    tasks = await asked(together, range(MOST + 2))
    for _ in range(3):
        slow.go.release()
    assert await asyncio.gather(*tasks) == [f"answer {item}" for item in range(MOST + 2)]
    assert [len(call) for call in slow.calls] == [1, MOST, 1]


async def test_a_failure_is_heard_by_all_whom_the_call_carried_and_nobody_else() -> None:
    slow = Slow()
    together = Together(slow)
    tasks = await asked(together, [1, 2, 3])
    slow.go.release()
    await tasks[0]
    slow.failing = True
    slow.go.release()
    for failed in await asyncio.gather(*tasks[1:], return_exceptions=True):
        assert isinstance(failed, Unavailable)
    slow.failing = False
    slow.go.release()
    assert await together.ask(4) == "answer 4"


async def test_who_asked_for_all_may_go_without_taking_the_others_along() -> None:
    slow = Slow()
    together = Together(slow)
    first, *others = await asked(together, [1, 2, 3])
    slow.go.release()
    await first
    await asyncio.sleep(0)
    others[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await others[0]
    slow.go.release()
    assert await others[1] == "answer 3"
    assert slow.calls == [[1], [2, 3], [3]]
