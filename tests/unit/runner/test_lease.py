"""An attempt may act for 108 beats after it was confirmed, less for what leaves the host, never for another process."""

import asyncio
import threading

import pytest

from errand_runner.lease import Leases
from tests.unit.runner.moved_clock import MovedClock

ATTEMPT = "att_1"


@pytest.fixture
def clock():
    return MovedClock()


@pytest.fixture
def leases(clock):
    return Leases(clock)


def test_nothing_is_held_that_was_never_confirmed(leases):
    assert not leases.holds(ATTEMPT)
    assert not leases.fresh(ATTEMPT)


@pytest.mark.parametrize(
    ("beats", "fresh", "holds"), [(5.9, True, True), (6, False, True), (107.9, False, True), (108, False, False)]
)
def test_a_lease_ages_by_the_boot_clock_from_its_asking(leases, clock, beats, fresh, holds):
    asked_s = clock.s
    clock.s += beats * leases.beat_s
    leases.renew((ATTEMPT,), asked_s=asked_s)

    assert (leases.fresh(ATTEMPT), leases.holds(ATTEMPT)) == (fresh, holds)


def test_an_answer_that_comes_late_takes_nothing_back(leases, clock):
    leases.renew((ATTEMPT,), asked_s=clock.s)
    leases.renew((ATTEMPT,), asked_s=clock.s - 108 * leases.beat_s)

    assert leases.fresh(ATTEMPT)


def test_a_suspended_lease_is_not_renewed_by_what_was_asked_before(leases, clock):
    leases.renew((ATTEMPT,), asked_s=clock.s)
    asked_s = clock.s
    clock.s += 1
    leases.suspend()
    leases.renew((ATTEMPT,), asked_s=asked_s)
    assert not leases.holds(ATTEMPT)

    clock.s += 1
    leases.renew((ATTEMPT,), asked_s=clock.s)
    assert leases.fresh(ATTEMPT)


def test_an_attempt_that_is_over_holds_nothing(leases, clock):
    leases.renew((ATTEMPT,), asked_s=clock.s)
    leases.drop(ATTEMPT)

    assert not leases.holds(ATTEMPT)


@pytest.mark.parametrize(
    "change", [lambda leases: leases.renew((ATTEMPT,), asked_s=0.0), lambda leases: leases.suspend()]
)
async def test_who_waits_hears_of_a_change_from_another_thread(leases, change):
    waiting = asyncio.ensure_future(leases.changed(within_s=60))
    await asyncio.sleep(0)
    thread = threading.Thread(target=change, args=(leases,))
    thread.start()
    async with asyncio.timeout(20):
        await waiting
    thread.join()


async def test_who_waits_for_a_change_waits_no_longer_than_asked(leases):
    async with asyncio.timeout(20):
        await leases.changed(within_s=0.01)
