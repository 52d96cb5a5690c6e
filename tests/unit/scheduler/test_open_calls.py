"""Streams that are cut end in words, and so many of a credential are open at most."""

import asyncio

import pytest

from errand_common.errors import Exhausted, Unauthenticated
from errand_scheduler.access.callers import Caller
from errand_scheduler.access.open_calls import MOST, OpenCalls

CALLER = Caller(name="robot", scopes=frozenset({"tasks:read"}), token_id="stk_1")


def everybody(caller: Caller) -> bool:
    return True


async def test_one_credential_has_so_many_streams_and_another_is_not_in_its_way() -> None:
    calls = OpenCalls()
    other = Caller(name="other", scopes=frozenset(), token_id="stk_2")

    async def fill(left: int) -> None:
        with calls.serving(CALLER, "tasks:read"):
            if left > 1:
                await fill(left - 1)
                return
            with pytest.raises(Exhausted, match="256 streams open"), calls.serving(CALLER, "tasks:read"):
                pass
            with calls.serving(other, "tasks:read"):
                pass

    await fill(MOST)
    with calls.serving(CALLER, "tasks:read"):
        pass


async def test_a_caller_who_goes_away_as_they_are_cut_is_just_gone() -> None:
    calls = OpenCalls()
    begun = asyncio.Event()

    async def serve() -> None:
        with calls.serving(CALLER, "tasks:read"):
            begun.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        served = group.create_task(serve())
        await begun.wait()
        calls.cut(everybody, "revoked")
        served.cancel()
    assert served.cancelled()


async def test_a_scope_that_is_left_is_not_cut() -> None:
    calls = OpenCalls()

    async def serve(scope: str) -> None:
        with calls.serving(CALLER, scope):
            await going_on.wait()

    going_on = asyncio.Event()
    reading, running = (asyncio.create_task(serve(scope)) for scope in ("tasks:read", "fleet:admin"))
    await asyncio.sleep(0)
    calls.cut(everybody, "your role changed", but=frozenset({"tasks:read"}))
    with pytest.raises(Unauthenticated, match="your role changed"):
        await running
    going_on.set()
    await reading
