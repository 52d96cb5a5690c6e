"""Calls to the engine: what hangs holds up its own lane alone, and no lane is endless."""

import asyncio
import threading

import pytest

from errand_runner.sandbox.docker import EngineUnavailable
from errand_runner.sandbox.docker.lanes import Lane


@pytest.fixture
def lane():
    lane = Lane("start")
    yield lane
    lane.close()


async def test_one_call_too_many_is_told_that_the_engine_is_behind(lane):
    hanging = threading.Event()
    try:
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(lane.call(hanging.wait, 20)) for _ in range(260)]
            await asyncio.sleep(0)
            with pytest.raises(EngineUnavailable, match="256 calls of start wait for it"):
                await lane.call(hanging.wait, 20)
            hanging.set()
    finally:
        hanging.set()
    assert all(await asyncio.gather(*waiting))
    assert await lane.call(lambda: "room again") == "room again"


async def test_an_error_names_what_the_engine_did_and_not_what_was_answered_with_the_call(lane):
    def refuse() -> None:
        raise ConnectionRefusedError(111, "refused")

    try:
        raise ValueError("what came before")
    except ValueError:
        with pytest.raises(EngineUnavailable, match=r"went away \(\[Errno 111\] refused\)"):
            await lane.call(refuse)
