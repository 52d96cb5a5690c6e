"""An event loop that stands still is told of while it does, with where."""

import asyncio
import time

from structlog.testing import capture_logs

from errand_common.watchdog import watched

WITHIN_S = 20.0


async def test_a_loop_that_stands_still_is_told_of_with_where_and_for_how_long():
    with capture_logs() as told, watched(look_s=0.01, late_s=0.05):
        stand_still_until(told)
        async with asyncio.timeout(WITHIN_S):
            while len(told) < 2:
                await asyncio.sleep(0)
    # A busy host may have stood still once more since.
    blocked, unblocked, *_ = told
    assert blocked["event"] == "loop_blocked"
    assert "stand_still_until" in blocked["stack"]
    assert unblocked["event"] == "loop_unblocked"
    assert unblocked["blocked_s"] >= 0.1


async def test_a_loop_that_goes_on_is_left_alone():
    with capture_logs() as told, watched(look_s=0.001, late_s=5.0):
        for _ in range(100):
            await asyncio.sleep(0.001)
    assert told == []


def stand_still_until(told):
    """As a call that blocks does."""
    until_s = time.monotonic() + WITHIN_S
    while not told and time.monotonic() < until_s:
        time.sleep(0.01)
