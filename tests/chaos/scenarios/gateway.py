"""The gateway dies under those who watch."""

import asyncio
from contextlib import AsyncExitStack

from tests.chaos.fault import fault
from tests.chaos.observer import check
from tests.chaos.prompts import began, lines, steps
from tests.chaos.trial import Trial

WATCHERS = 15
"""Beside the one; one person may have 20."""


@fault("T44", "kill -9 of the gateway under its watchers", quick=True)
async def killed_under_watchers(trial: Trial) -> None:
    home = await trial.home()
    async with home.watch(steps(0.4)) as observer, AsyncExitStack() as more:
        others = [await more.enter_async_context(observer.another()) for _ in trial.rounds(WATCHERS, quick=5)]
        for number in trial.rounds(3):
            await observer.until(began(number + 1))
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
