"""A runner that is cut off stands still before it is given up, and goes on where it was once it is confirmed."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from errand_common.tasks import until_one_ends
from errand_runner.brake import Brake, GivenUp
from errand_runner.freezer import Freezer
from errand_runner.lease import Leases
from errand_runner.outage import GitPatience, HostAway, until_answered
from errand_runner.sandbox.docker import EngineUnavailable, SandboxFailed
from tests.unit.runner.moved_clock import MovedClock

ATTEMPT = "att_1"


class Part:
    """Counts; fails as often as it is told to."""

    def __init__(self, told, name, failures=0, why=EngineUnavailable):
        self.told, self.name, self.failures, self.why = told, name, failures, why

    async def freeze(self):
        if self.failures:
            self.failures -= 1
            self.told.append(f"{self.name} failed")
            raise self.why("away")
        self.told.append(f"{self.name} frozen")

    async def thaw(self):
        self.told.append(f"{self.name} thawed")


class Told(list[str]):
    """What was told, in order, as a recorder would tell it."""

    frozen = False

    async def attempt_frozen(self, reason):
        self.frozen = True
        self.append(f"frozen{': ' if reason else ''}{reason}")

    async def attempt_thawed(self, frozen_s):
        self.frozen = False
        self.append(f"thawed after {frozen_s:g} s")

    async def until(self, *what):
        async with asyncio.timeout(20):
            while self[-len(what) :] != list(what):
                await asyncio.sleep(0)


@pytest.fixture
def clock():
    return MovedClock()


@pytest.fixture
def leases(clock):
    leases = Leases(clock)
    # Asyncio's clock is the real one: looking again must not take long.
    leases.beat_s = 0.01
    leases.renew((ATTEMPT,), asked_s=clock.s)
    return leases


@pytest.fixture
def told():
    return Told()


@asynccontextmanager
async def watched(leases, clock, told, *parts, brake=None):
    freezer = Freezer(ATTEMPT, leases=leases, brake=brake or Brake(leases), clock=clock, teller=told)
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(freezer.watch())
        if not parts:
            yield freezer
        for part in parts:
            async with freezer.over(part):
                yield freezer
        watch.cancel()


def confirm(leases, clock):
    leases.renew((ATTEMPT,), asked_s=clock.s)


async def test_everything_stands_still_before_it_is_told_and_goes_on_once_confirmed(leases, clock, told):
    async with watched(leases, clock, told, Part(told, "sandbox")):
        clock.s += 108 * leases.beat_s
        await told.until("sandbox frozen", "frozen")
        clock.s += 300
        confirm(leases, clock)
        await told.until("sandbox thawed", "thawed after 300 s")


async def test_a_lease_that_is_kept_alive_changes_nothing(leases, clock, told):
    async with watched(leases, clock, told, Part(told, "sandbox")) as freezer:
        for _ in range(10):
            clock.s += 100 * leases.beat_s
            confirm(leases, clock)
            async with asyncio.timeout(20):
                await freezer.gate()

    assert told == []


async def test_a_session_that_was_replaced_freezes_at_once(leases, clock, told):
    leases.beat_s = 60.0
    async with watched(leases, clock, told, Part(told, "sandbox")):
        await asyncio.sleep(0)
        leases.suspend()
        await told.until("sandbox frozen", "frozen")


async def test_nothing_passes_the_gate_while_it_stands_still(leases, clock, told):
    async with watched(leases, clock, told) as freezer:
        clock.s += 108 * leases.beat_s
        await told.until("frozen")
        passing = asyncio.ensure_future(freezer.gate())
        await asyncio.sleep(0.05)
        assert not passing.done()
        confirm(leases, clock)
        async with asyncio.timeout(20):
            await passing
        assert told[-1].startswith("thawed")


async def test_the_gate_is_shut_by_the_lease_itself_when_nobody_watched(leases, clock, told):
    freezer = Freezer(ATTEMPT, leases=leases, brake=Brake(leases), clock=clock, teller=told)
    clock.s += 108 * leases.beat_s
    passing = asyncio.ensure_future(freezer.gate())
    await asyncio.sleep(0.05)
    assert not passing.done()

    confirm(leases, clock)
    async with asyncio.timeout(20):
        await passing


@pytest.mark.parametrize("why", [EngineUnavailable, SandboxFailed], ids=["no engine answers", "it refuses"])
async def test_what_could_not_be_paused_is_tried_again(leases, clock, told, why):
    async with watched(leases, clock, told, Part(told, "sandbox", failures=2, why=why)):
        clock.s += 108 * leases.beat_s
        await told.until("sandbox failed", "frozen", "sandbox failed", "sandbox frozen")


async def test_a_part_that_could_not_be_paused_keeps_no_other_from_it(leases, clock, told):
    first, second = Part(told, "sandbox", failures=1, why=SandboxFailed), Part(told, "check")
    async with watched(leases, clock, told, first) as freezer, freezer.over(second):
        clock.s += 108 * leases.beat_s
        await told.until("sandbox failed", "check frozen", "frozen", "sandbox frozen", "check frozen")


async def test_what_is_opened_in_a_pause_stands_still_from_the_beginning(leases, clock, told):
    async with watched(leases, clock, told) as freezer:
        clock.s += 108 * leases.beat_s
        await told.until("frozen")
        async with freezer.over(Part(told, "sandbox")):
            assert told[-1] == "sandbox frozen"


async def test_a_pause_that_an_earlier_process_told_of_is_ended(leases, clock, told):
    told.frozen = True
    async with watched(leases, clock, told):
        await told.until("thawed after 0 s")


async def test_what_could_not_be_unpaused_is_tried_again(leases, clock, told):
    class Slow(Part):
        async def thaw(self):
            if self.failures:
                self.failures -= 1
                raise EngineUnavailable("away")
            await super().thaw()

    slow = Slow(told, "sandbox")
    async with watched(leases, clock, told, slow):
        clock.s += 108 * leases.beat_s
        await told.until("frozen")
        slow.failures = 2
        confirm(leases, clock)
        await told.until("sandbox thawed", "thawed after 0 s")


async def test_a_thaw_that_fails_ends_the_attempt(leases, clock, told):
    class Stuck(Part):
        async def thaw(self):
            raise SandboxFailed("gone")

    freezer = Freezer(ATTEMPT, leases=leases, brake=Brake(leases), clock=clock, teller=told)

    async def work():
        async with freezer.over(Stuck(told, "sandbox")):
            await asyncio.Event().wait()

    attempt = asyncio.ensure_future(until_one_ends(work(), freezer.watch()))
    clock.s += 108 * leases.beat_s
    await told.until("frozen")
    confirm(leases, clock)
    with pytest.raises(SandboxFailed):
        async with asyncio.timeout(20):
            await attempt


async def test_patience_for_the_git_host_is_not_spent_by_a_pause(leases, clock, told):
    tries: list[float] = []

    async def step():
        await freezer.gate()
        tries.append(clock.s)
        if len(tries) == 1:
            leases.suspend()
            await told.until("frozen")
            clock.s += 10_000
            confirm(leases, clock)
            raise HostAway("cut off")

    async def delayed(why, delay_s):
        pass

    async with watched(leases, clock, told) as freezer:
        patience = GitPatience(budget_s=0.1)
        async with asyncio.timeout(20):
            await until_answered(step, patience=patience, clock=freezer.clock, delayed=delayed)

    assert len(tries) == 2


async def test_a_brake_that_is_pulled_stops_at_once_and_says_why(leases, clock, told):
    leases.beat_s, brake = 60.0, Brake(leases)
    async with watched(leases, clock, told, Part(told, "sandbox"), brake=brake) as freezer:
        await asyncio.sleep(0)
        brake.pull("no room")
        await told.until("sandbox frozen", "frozen: no room")
        passing = asyncio.ensure_future(freezer.gate())
        clock.s += 7
        brake.release()
        await told.until("sandbox thawed", "thawed after 7 s")
        async with asyncio.timeout(20):
            await passing


async def test_with_two_reasons_to_stand_still_it_goes_on_when_both_are_gone(leases, clock, told):
    brake = Brake(leases)
    for end_first, end_last in (
        (brake.release, lambda: confirm(leases, clock)),
        (lambda: confirm(leases, clock), brake.release),
    ):
        confirm(leases, clock)
        async with watched(leases, clock, told, Part(told, "sandbox"), brake=brake):
            brake.pull("no room")
            await told.until("sandbox frozen", "frozen: no room")
            clock.s += 108 * leases.beat_s
            end_first()
            await asyncio.sleep(5 * leases.beat_s)
            assert set(told) <= {"sandbox frozen", "frozen: no room"}
            end_last()
            await told.until("sandbox thawed", f"thawed after {108 * leases.beat_s:g} s")
            told.clear()


async def test_an_attempt_that_is_given_up_while_it_stands_still_ends_with_the_words(leases, clock, told):
    leases.beat_s, brake = 60.0, Brake(leases)
    freezer = Freezer(ATTEMPT, leases=leases, brake=brake, clock=clock, teller=told)
    watching = asyncio.ensure_future(freezer.watch())
    with brake.carrying(ATTEMPT, "tsk_1"):
        brake.pull("no room")
        await told.until("frozen: no room")
        brake.give_up("att_other", "not this one")
        await asyncio.sleep(0.01)
        assert not watching.done()
        brake.give_up(ATTEMPT, "wrote most")
        with pytest.raises(GivenUp, match="wrote most"):
            async with asyncio.timeout(20):
                await watching
