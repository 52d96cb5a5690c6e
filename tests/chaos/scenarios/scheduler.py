"""The scheduler dies, again and again."""

import asyncio
from contextlib import AsyncExitStack

from tests.chaos.fault import fault
from tests.chaos.observer import check
from tests.chaos.prompts import began, lines, steps
from tests.chaos.trial import Trial
from tests.e2e.watching import no_container

LOAD = 50
RECOVERED_S = 10.0


@fault("T5", "kill -9 of the scheduler, again and again, under a load of 50 tasks", quick=True)
async def killed_under_load(trial: Trial) -> None:
    if trial.quick:
        return await _killed_once(trial)
    async with trial.own_home(slots=4) as home, AsyncExitStack() as watches:
        observers = [await watches.enter_async_context(home.watch(steps(0.1, 2))) for _ in range(LOAD)]
        working = asyncio.gather(*(check(observer) for observer in observers))
        while not working.done():
            await asyncio.wait([working], timeout=trial.chance.uniform(1.0, 4.0))
            if working.done():
                break
            await home.kill("scheduler")
            with trial.recovery(limit_s=RECOVERED_S):
                await home.start("scheduler")
                await home.ready()
            trial.injected()
        await working
        assert all(observer.trace() == lines(2) for observer in observers)
    trial.checked("I8 of 50 watchers", "one attempt a task", "each command ran once")
    return None


async def _killed_once(trial: Trial) -> None:
    home = await trial.home()
    async with home.watch(steps(0.4)) as observer:
        await observer.until(began(1))
        await home.kill("scheduler")
        trial.injected()
        await asyncio.sleep(1.0)
        with trial.recovery(limit_s=RECOVERED_S):
            await home.start("scheduler")
            await home.ready()
        await check(observer)
    assert observer.trace() == lines()
    await no_container(observer.task)
