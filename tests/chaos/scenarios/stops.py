"""People stop tasks at any moment, and what runs does not want to end."""

import asyncio
import tempfile
from pathlib import Path

from errand.v1 import runner_pb2
from tests.chaos.cordons import cordon_often
from tests.chaos.fault import fault
from tests.chaos.home import Home
from tests.chaos.invariants import read
from tests.chaos.observer import gapless
from tests.chaos.prompts import ran, steps
from tests.chaos.trial import Trial
from tests.demo.phone import FINAL
from tests.e2e.watching import no_container

BATCH = 20


@fault("T37", "a stop at any moment of a task's life, also while its runner is cut off")
async def stopped_at_any_moment(trial: Trial) -> None:
    async with trial.own_home(slots=5) as home:
        for number in trial.rounds(4):
            moments = asyncio.gather(*(_stopped(trial, home) for _ in range(BATCH)))
            if number % 2:
                await asyncio.sleep(trial.chance.uniform(0.5, 2.0))
                home.wire.cut()
                await asyncio.sleep(2.0)
                home.wire.mend()
            await moments
    trial.checked("exactly one end", "cancelled, or over before", "I6 within 20 s", "I8")


async def _stopped(trial: Trial, home: Home) -> None:
    wait_s = trial.chance.uniform(0.0, 8.0)
    async with home.watch(steps(0.3, 3)) as observer:
        await asyncio.sleep(wait_s)
        await home.phone.stop(observer.task)
        trial.injected()
        with trial.recovery(limit_s=20.0):
            ended = await observer.ended()
        assert ended["status"] in ("cancelled", "completed"), ended
        await gapless(observer)
        ends = [event for event in observer.events if event["detail"].get("status") in FINAL]
        assert len(ends) == 1, [event["detail"] for event in ends]
        live = [phase for _, phase, _ in observer.attempts()]
        assert all(phase in ("cancelled", "succeeded", "withdrawn") for phase in live), live


@fault("T38", "a stop of what ignores SIGTERM, and of what stands frozen")
async def will_not_end(trial: Trial) -> None:
    home = await trial.home()
    stubborn = "trap '' TERM INT HUP && echo deaf && (sleep 600 & sleep 600)"
    for frozen in (False, True):
        async with home.watch(f"Steps: {stubborn}") as observer:
            await observer.until(ran("echo deaf"))
            if frozen:
                await home.docker("pause", observer.container())
            await home.phone.stop(observer.task)
            trial.injected()
            with trial.recovery(limit_s=15.0):
                assert (await observer.ended())["status"] == "cancelled"
                await no_container(observer.task)
            await gapless(observer)
    async with home.watch(steps(0.1, 2)) as observer:
        assert (await observer.ended())["status"] == "completed", "the slot is free"
    trial.checked("ended, and its container is gone", "the slot is free again", "I8")


@fault("T42", "a runner is cordoned at the instant of a placement")
async def cordoned_at_placement(trial: Trial) -> None:
    async with trial.own_home(slots=5) as home:
        for _ in trial.rounds(25):
            await home.operator.set_mode("local", runner_pb2.RUNNER_MODE_ACTIVE)
            creating = asyncio.ensure_future(home.phone.create_task(home.project, "Steps: true"))
            await asyncio.sleep(trial.chance.uniform(0.0, 0.05))
            told = await home.operator.set_mode("local", runner_pb2.RUNNER_MODE_CORDONED)
            known = {attempt.attempt_id for attempt in told.attempts}
            before = {each.attempt_id for each in read(home.stack).attempts}
            trial.injected()
            await creating
            await asyncio.sleep(0.1)
            late = {each.attempt_id for each in read(home.stack).attempts} - before
            assert not late, f"{late} were offered after the cordon was answered"
            assert {each.attempt_id for each in read(home.stack).attempts if each.live} <= known | _over(home)
        await home.operator.set_mode("local", runner_pb2.RUNNER_MODE_ACTIVE)
        async with asyncio.timeout(60):
            while any(task.status not in FINAL for task in read(home.stack).tasks):
                await asyncio.sleep(0.2)
        assert {task.status for task in read(home.stack).tasks} == {"completed"}, "I1"
    with tempfile.TemporaryDirectory() as folder:
        found = await cordon_often(Path(folder), rounds=100 if trial.quick else 1000, chance=trial.chance)
    trial.injected(found.rounds)
    words = f"{found.listed} answers list what goes on, {found.taken_back} offers were taken back on their way"
    trial.checked("no offer after its answer that is not in it", words, "all complete once it is active again")


def _over(home: Home) -> set[str]:
    return {each.attempt_id for each in read(home.stack).attempts if not each.live}
