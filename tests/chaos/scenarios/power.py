"""The power fails: all that runs on a machine is gone at once, and what is under /run; its disk is as it was."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from errand_common.service import NOT_YET
from tests.chaos.fault import fault
from tests.chaos.home import Home
from tests.chaos.observer import check, gapless
from tests.chaos.own_engine import NEEDS, OwnEngine, own_engine
from tests.chaos.prompts import began, kind, lines, ran, steps
from tests.chaos.trial import Trial
from tests.chaos.unreliable import Unreliable, unreliable
from tests.demo.processes import ProcessFailed
from tests.demo.stack import image_tag
from tests.e2e.watching import containers, no_container

BEAT_S = 0.5
"""Where the host is back before it is lost, after 60 s: interpreters that load a library start slowly."""
SHORT_BEAT_S = 0.1
"""Where it is lost, after 12 s."""

RUNNERS = ("runner",)
"""What a host that joined has; the only machine of a small Errand has all three."""
ALL = ("gateway", "scheduler", "runner")


@fault(
    "T13",
    "the power fails, with Docker and all containers: of a runner's host, of the only machine, of one that stays away",
    needs=(*NEEDS, "cc"),
)
async def power_fails(trial: Trial) -> None:
    async with own_engine(image_tag()) as engine:
        async with (
            unreliable() as runners,
            unreliable() as schedulers,
            trial.own_home(beat_s=BEAT_S, runner=runners.settings, scheduler=schedulers.settings) as home,
        ):
            await _fails_and_returns(trial, home, engine, RUNNERS, runners)
            await _fails_and_returns(trial, home, engine, ALL, runners, schedulers)
        async with trial.own_home(beat_s=SHORT_BEAT_S) as home:
            await _stays_away(trial, home, engine)
    trial.checked(
        "tried again until Docker answers",
        "each has a new sandbox on its workspace",
        "one attempt, or lost where it stayed away",
        "no container of before",
        "no command ran twice",
        "I8",
    )


async def _fails_and_returns(
    trial: Trial, home: Home, engine: OwnEngine, services: tuple[str, ...], *clocks: Unreliable
) -> None:
    async with AsyncExitStack() as watches:
        observers = [await watches.enter_async_context(home.watch(steps(1.0, 4))) for _ in range(2)]
        for observer in observers:
            await observer.until(began(1))
        before = [container for observer in observers for container in containers(observer.task)]
        await _fail(home, engine, services)
        trial.injected()
        seen = [observer.events[-1] for observer in observers]
        # What counts from the machine's start begins anew.
        for clock in clocks:
            clock.move_clocks(boot_s=1.0 - time.clock_gettime(time.CLOCK_BOOTTIME))
        await _is_too_early(home)
        with trial.recovery(limit_s=60 * BEAT_S):
            await _return(home, engine, services)
            for observer, last in zip(observers, seen, strict=True):
                await observer.until(kind("sandbox_opened"), after=last)
                await observer.until(began(2))
        for observer in observers:
            assert not set(containers(observer.task)) & set(before), "a container of before"
        for observer in observers:
            await check(observer)
            assert observer.trace() in (["0", "2", "3"], lines(4)), observer.trace()
            await no_container(observer.task)


async def _stays_away(trial: Trial, home: Home, engine: OwnEngine) -> None:
    async with home.watch("Steps: echo 0 >> trace; sleep 600") as observer:
        await observer.until(ran("sleep 600"))
        await _fail(home, engine, RUNNERS)
        trial.injected()
        lost = await observer.ended()
        assert (lost["status"], lost["failure_reason"]) == ("failed", "runner_lost"), lost
        told = observer.events[-1]
        await _is_too_early(home)
        await _return(home, engine, RUNNERS)
        with trial.recovery(limit_s=15.0):
            await no_container(observer.task)
        assert observer.events[-1] == told, "I5: it told something of an attempt that is over"
        await home.phone.add_input(observer.task, "Steps: echo 1 >> trace")
        await observer.until(lambda event: event["detail"].get("status") == "completed", after=told)
        assert observer.trace() == ["0", "1"], "the workspace is as it was"
        assert [phase for _, phase, _ in observer.attempts()] == ["lost", "succeeded"]
        await gapless(observer)


async def _fail(home: Home, engine: OwnEngine, services: tuple[str, ...]) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(engine.lose_host())
        for name in services:
            group.create_task(home.kill(name))


async def _is_too_early(home: Home) -> None:
    """The runner is started before Docker answers, in vain, and not for good."""
    with pytest.raises(ProcessFailed):
        await home.start("runner")
    assert await home.died("runner") == NOT_YET, "whoever starts it gives up"


async def _return(home: Home, engine: OwnEngine, services: tuple[str, ...]) -> None:
    await engine.start()
    for name in services:
        await home.start(name)
    await home.ready()
