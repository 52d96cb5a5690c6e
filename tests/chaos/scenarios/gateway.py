"""The gateway dies under those who watch."""

import asyncio
import time
from contextlib import AsyncExitStack

from tests.chaos.crowd import Crowd, Watcher, crowd, logins
from tests.chaos.fault import fault
from tests.chaos.home import Home
from tests.chaos.memory import resident_mib
from tests.chaos.observer import check
from tests.chaos.prompts import began, final, lines, steps
from tests.chaos.trial import Trial

WATCHERS = 5
PEOPLE = 50
SOCKETS = 20
"""Of each, the most that one person may have."""
BACK_S = 30.0
"""Within which all sockets are there again: what comes back with a page's patience, on two busy cores."""

ALL_S = 150.0
"""Within which all tasks are done."""


@fault("T44", "kill -9 of the gateway under 1000 sockets, which come back as the page does", quick=True)
async def killed_under_watchers(trial: Trial) -> None:
    if trial.quick:
        await _under_a_few(trial)
        return
    people = logins(PEOPLE)
    async with (
        trial.own_home(slots=4, scheduler={"ERRAND_ALLOWED_USERS": ",".join(("octo", *people))}) as home,
        crowd(home.stack, people=people, sockets=SOCKETS, prompt=steps(0.1, 2), chance=trial.chance) as many,
    ):
        await many.until(lambda watcher: watcher.is_up)
        full_mib, spread_s = resident_mib(home.stack, "gateway"), list[float]()
        for _ in trial.rounds(3):
            await asyncio.sleep(trial.chance.uniform(3.0, 6.0))
            spread_s.append(await _kill_under(trial, home, many))
        await many.until(_saw_the_end, within_s=ALL_S)
        await _is_whole(many)
    assert min(spread_s) > 0.25, f"all of them came back within {min(spread_s):.2f} s"
    words = f"{len(many.watchers)} sockets hold {full_mib:.0f} MiB of gateway"
    trial.checked("I8 of all sockets", words, f"they come back over {min(spread_s):.1f} to {max(spread_s):.1f} s")


async def _kill_under(trial: Trial, home: Home, many: Crowd) -> float:
    """Over how long they came back."""
    await home.kill("gateway")
    trial.injected()
    killed_s = time.monotonic()
    with trial.recovery(limit_s=BACK_S):
        await home.start("gateway")
        await home.ready()
        await many.until(lambda watcher: watcher.is_up and watcher.opened_s[-1] > killed_s)
    back_s = [watcher.opened_s[-1] for watcher in many.watchers]
    return max(back_s) - min(back_s)


def _saw_the_end(watcher: Watcher) -> bool:
    return bool(watcher.events) and final(watcher.events[-1])


async def _is_whole(many: Crowd) -> None:
    for phone, task in zip(many.phones, many.tasks, strict=True):
        assert (await phone.task(task))["status"] == "completed"
        stored = await phone.events(task)
        for watcher in many.watchers:
            if watcher.task is task:
                assert watcher.events == stored, "I8: what was watched is not what is stored"


async def _under_a_few(trial: Trial) -> None:
    home = await trial.home()
    async with home.watch(steps(0.4)) as observer, AsyncExitStack() as more:
        others = [await more.enter_async_context(observer.another()) for _ in range(WATCHERS)]
        await observer.until(began(1))
        await home.kill("gateway")
        trial.injected()
        last = observer.events[-1]
        with trial.recovery(limit_s=10.0):
            await home.start("gateway")
            await home.ready()
            await observer.until(lambda event: True, after=last)
        await check(observer)
        async with asyncio.timeout(30):
            while not all(other.events == observer.events for other in others):
                await asyncio.sleep(0.1)
    assert observer.trace() == lines()
    trial.checked("I8 of all watchers", "one attempt")
