"""The wire between runner and scheduler is cut, without a word to either."""

import asyncio

from tests.chaos.fault import fault
from tests.chaos.home import BEAT_S
from tests.chaos.observer import check
from tests.chaos.prompts import began, kind, lines, steps
from tests.chaos.trial import Trial


@fault("T14", "runner and scheduler are cut off from one another, for 4 and for 24 beats", quick=True)
async def partition(trial: Trial) -> None:
    home = await trial.home()
    for beats in (4, 24)[: len(trial.rounds(2))]:
        async with home.watch(steps(0.8)) as observer:
            await observer.until(began(1))
            home.wire.cut()
            trial.injected()
            try:
                away = await observer.until(lambda event: "not heard of" in event["detail"].get("status_reason", ""))
                await asyncio.sleep(beats * BEAT_S)
            finally:
                home.wire.mend()
            with trial.recovery(limit_s=10.0):
                await observer.until(kind("task_status_changed"), after=away)
            assert away["detail"]["status"] == "running"
            await check(observer)
        assert observer.trace() == lines()
    trial.checked("told as not heard of", "one attempt", "each command ran once", "I8")
