"""The runner dies, or is away."""

from contextlib import AsyncExitStack

from tests.chaos.fault import fault
from tests.chaos.observer import check
from tests.chaos.prompts import began, steps
from tests.chaos.trial import Trial
from tests.e2e.watching import no_container


@fault("T8", "kill -9 of the runner while its tasks run, restarted at once", quick=True)
async def killed_and_back(trial: Trial) -> None:
    home = await trial.home()
    async with AsyncExitStack() as watches:
        observers = [await watches.enter_async_context(home.watch(steps(1.5, 3))) for _ in trial.rounds(2)]
        for observer in observers:
            await observer.until(began(1))
        before = [observer.container() for observer in observers]
        await home.kill("runner")
        trial.injected()
        with trial.recovery(limit_s=10.0):
            await home.start("runner")
            for observer in observers:
                await observer.until(began(2))
        assert [observer.container() for observer in observers] == before
        for observer in observers:
            await check(observer)
            # The interrupted step may have run or not; it is never run again unasked.
            assert observer.trace() in (["0", "2"], ["0", "1", "2"])
            await no_container(observer.task)
    trial.checked("the same containers", "one attempt", "no command ran twice", "I8")
