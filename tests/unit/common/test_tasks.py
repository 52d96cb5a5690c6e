"""Of tasks that belong together, the first to end ends all; errors and cancellations arrive as they are."""

import asyncio
from functools import partial

import pytest

from errand_common.errors import Unavailable
from errand_common.tasks import beside, side_by_side, until_one_ends


async def for_ever(cancelled):
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        cancelled.append(True)


async def fail_when(gate):
    await gate.wait()
    raise Unavailable("away")


async def test_the_first_to_end_ends_all():
    cancelled: list[bool] = []

    async with asyncio.timeout(20):
        await until_one_ends(asyncio.sleep(0), for_ever(cancelled))

    assert cancelled == [True]


async def test_an_error_arrives_as_it_is():
    gate = asyncio.Event()
    cancelled: list[bool] = []
    gate.set()

    with pytest.raises(Unavailable, match="away"):
        await until_one_ends(for_ever(cancelled), fail_when(gate))

    assert cancelled == [True]


async def test_a_cancellation_ends_all_and_stays_one():
    cancelled: list[bool] = []
    task = asyncio.ensure_future(until_one_ends(for_ever(cancelled), for_ever(cancelled)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert cancelled == [True, True]


async def test_a_cancellation_at_the_moment_of_an_error_is_not_lost():
    for turns_between in range(4):
        gate = asyncio.Event()
        task = asyncio.ensure_future(until_one_ends(fail_when(gate), for_ever([])))
        for _ in range(3):
            await asyncio.sleep(0)
        gate.set()
        for _ in range(turns_between):
            await asyncio.sleep(0)
        if task.done():
            continue
        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled(), f"lost with {turns_between} turns of the loop between"


async def test_what_runs_beside_gives_its_result():
    async def three():
        return 3

    async with beside(three()) as running:
        assert await running == 3


async def test_what_runs_beside_ends_with_what_failed():
    cancelled: list[bool] = []
    gate = asyncio.Event()

    async def fail_with_another_beside():
        async with beside(for_ever(cancelled)):
            await fail_when(gate)

    failing = asyncio.ensure_future(fail_with_another_beside())
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(Unavailable, match="away"):
        await failing
    assert cancelled == [True]


async def test_what_fails_beside_is_told_to_who_awaits_it():
    gate = asyncio.Event()
    gate.set()
    async with beside(fail_when(gate)) as running:
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="away"):
            await running


async def test_what_runs_side_by_side_is_answered_in_order_and_never_more_at_once():
    at_work: set[int] = set()
    most: list[int] = []

    async def part(number):
        at_work.add(number)
        most.append(len(at_work))
        for _ in range(10 - number):
            await asyncio.sleep(0)
        at_work.remove(number)
        return number

    found = await side_by_side([partial(part, number) for number in range(9)], at_once=3)

    assert found == list(range(9))
    assert max(most) == 3


async def test_side_by_side_an_error_ends_the_others():
    gate = asyncio.Event()
    cancelled: list[bool] = []
    gate.set()
    parts = [partial(for_ever, cancelled), partial(fail_when, gate)]

    with pytest.raises(Unavailable, match="away"):
        await side_by_side(parts, at_once=2)

    assert cancelled == [True]


async def test_side_by_side_a_cancellation_ends_all():
    cancelled: list[bool] = []
    task = asyncio.ensure_future(side_by_side([partial(for_ever, cancelled)] * 2, at_once=2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert cancelled == [True, True]
