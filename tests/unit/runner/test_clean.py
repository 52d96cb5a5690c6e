"""A clean sandbox waits for room on its host, and says how long it did where there was none."""

import asyncio

import pytest

from errand_common.clock import Clock
from errand_common.ids import Ids
from errand_runner.clean import CleanRooms, NoPlace


def rooms(tmp_path, has_room):
    """Of a host whose engine is not asked: nothing is opened."""
    engine = None
    return CleanRooms(engine, ids=Ids(Clock()), socket_root=tmp_path, has_room=has_room, look_s=0.01)  # type: ignore[arg-type]


async def test_room_that_comes_is_waited_for(tmp_path):
    looks = iter([False, False, True])

    async with asyncio.timeout(20):
        await rooms(tmp_path, lambda: next(looks)).place()

    assert next(looks, None) is None


async def test_where_none_comes_it_is_said_how_long_it_was_waited_for(tmp_path):
    with pytest.raises(NoPlace, match=r"no memory or disk to spare for another sandbox within 0\.1 s$"):
        await rooms(tmp_path, lambda: False).place(0.1)
