"""Clocks jump, hosts sleep, and the scheduler stands still for a while."""

import asyncio
import json
from collections import Counter

from errand_cli.exits import Exit
from tests.chaos.fault import fault
from tests.chaos.home import Home
from tests.chaos.observer import check
from tests.chaos.prompts import began, kind, lines, steps
from tests.chaos.trial import Trial
from tests.chaos.unreliable import unreliable
from tests.integration.errand_shell import Shell

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


@fault("T21", "the runner's host sleeps for longer than it may be away, by the clock that counts that", needs=("cc",))
async def host_sleeps(trial: Trial) -> None:
    async with (
        unreliable() as library,
        trial.own_home(runner=library.settings) as home,
        home.watch(steps(1.0, 4)) as observer,
    ):
        await observer.until(began(1))
        # 11 minutes at full scale.
        library.move_clocks(boot_s=132 * home.stack.beat_s)
        trial.injected()
        with trial.recovery(limit_s=15.0):
            frozen = await observer.until(kind("attempt_frozen"))
            await observer.until(kind("attempt_thawed"), after=frozen)
        await check(observer)
        assert observer.trace() == lines(4)
    trial.checked("frozen at once, and thawed once confirmed", "one attempt", "each command ran once", "I8")


@fault(
    "T22",
    "the time of day jumps by an hour and a day, forth and back, on runner and scheduler",
    needs=("cc",),
)
async def clock_jumps(trial: Trial) -> None:
    async with (
        unreliable() as runners,
        unreliable() as schedulers,
        trial.own_home(runner=runners.settings, scheduler=schedulers.settings) as home,
    ):
        operator = Shell({"HOME": str(home.stack.folder), "ERRAND_DATA": str(home.stack.folder / "scheduler")})
        off = 0
        for library in (runners, schedulers):
            for jump_s in (HOUR_S, -HOUR_S, DAY_S, -DAY_S)[: len(trial.rounds(4))]:
                async with home.watch(steps(0.4, 4)) as observer:
                    await observer.until(began(1))
                    library.move_clocks(wall_s=jump_s)
                    trial.injected()
                    off += 1
                    with trial.recovery(limit_s=15.0):
                        await _logged(home, "runner_clock_off", off)
                        if library is schedulers:
                            # The session's end is a time of day.
                            await home.phone.sign_in()
                        await observer.until(began(2))
                    await check(observer)
                    if jump_s == HOUR_S:
                        seen = await operator.errand("status", "--check")
                        assert (seen.code, _WRONG in seen.out) == (Exit.WAITS, True), seen.out
                    library.move_clocks()
                    await _logged(home, "runner_clock_right", off)
                    if library is schedulers:
                        await home.phone.sign_in()
                assert observer.trace() == lines(4)
                assert all(phase == "succeeded" for _, phase, _ in observer.attempts())
        assert (await operator.errand("status", "--check")).code == Exit.DONE
        told = _events(home)
        assert (told["runner_clock_off"], told["runner_clock_right"]) == (off, off), "told of more than once"
        assert "attempt_disconnected" not in told
    trial.checked(
        "no lease changes", "one attempt", "in the order of their numbers", "told of once, and once over", "I8"
    )


_WRONG = "runner local: its clock is"


async def _logged(home: Home, event: str, times: int) -> None:
    """Wait until the scheduler's log has told of it so often."""
    async with asyncio.timeout(10.0):
        while _events(home)[event] < times:
            await asyncio.sleep(0.05)


def _events(home: Home) -> Counter[str]:
    """How often the scheduler's log tells of what."""
    with home.stack.processes.log_of("scheduler").open() as log:
        return Counter(json.loads(line)["event"] for line in log if line.startswith("{") and line.endswith("}\n"))


@fault("T41", "the scheduler's event loop stands still for 3 s", needs=("cc",))
async def loop_blocked(trial: Trial) -> None:
    async with unreliable() as library, trial.own_home(scheduler=library.settings, beat_s=1.0) as home:
        for _ in trial.rounds(3):
            async with home.watch(steps(0.5, 8)) as observer:
                await observer.until(began(1))
                library.stall(3.0)
                trial.injected()
                while not library.stalled:
                    await asyncio.sleep(0.05)
                last = observer.events[-1]
                with trial.recovery(limit_s=10.0):
                    await observer.until(lambda event: True, after=last)
                await check(observer)
                words = [event["detail"].get("status_reason", "") for event in observer.events]
                assert not any("not heard of" in each for each in words), words
            assert observer.trace() == lines(8)
        await home.stack.processes.logged("scheduler", "loop_blocked")
    trial.checked("no lease ends", "told in the log, with where", "one attempt", "I8")
