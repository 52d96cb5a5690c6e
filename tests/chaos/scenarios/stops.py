"""People stop tasks at any moment, and what runs does not want to end."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from errand.v1 import runner_pb2
from tests.chaos.cordons import cordon_often
from tests.chaos.fault import fault
from tests.chaos.feed import Feed, feed_of
from tests.chaos.home import Home
from tests.chaos.invariants import read
from tests.chaos.moments import AT, found_in, phase, silent
from tests.chaos.observer import gapless
from tests.chaos.prompts import final, ran, steps
from tests.chaos.trial import Trial
from tests.demo.phone import FINAL, Json
from tests.e2e.watching import containers
from tests.standins.github.remote import RemoteGitHub
from tests.standins.registry import registry

STOPS = 1000
CUTS = 3
"""Of the runner, each under as many tasks as it takes."""
CORDONS = 1000
AT_ONCE = 24
SLOTS = 8
WITHIN_S = 60.0
STEADY = {"ERRAND_CALLS_PER_SECOND": "10000", "ERRAND_MAX_RUNNING_PER_USER": "1000"}


@fault("T37", "a stop at any moment of a task's life, also while its runner is cut off")
async def stopped_at_any_moment(trial: Trial) -> None:
    async with (
        trial.own_home(slots=SLOTS, scheduler=STEADY) as home,
        registry() as shelf,
        feed_of(home.phone) as feed,
    ):
        shelf.add("errand-chaos:1", {"etc/os-release": b"ID=none\n"})
        shelf.going.clear()
        await RemoteGitHub(home.stack.github).add_repository("octo/slow", {"README.md": "slow"}, login="octo")
        slow = await home.phone.add_project("octo/slow")
        await home.phone.update_project(slow, image=shelf.name("errand-chaos:1"))
        stops = _Stops(trial, home, feed, slow)
        aims = trial.chance.choices(list(AT), [share for share, _ in AT.values()], k=STOPS - CUTS * SLOTS)
        await stops.at(aims)
        for _ in range(CUTS):
            await stops.while_cut_off()
        found = Counter(found_in(feed.events[task["task_id"]]) for task in stops.tasks)
        found["stopping"] = stops.twice
    assert all(found[each] >= 5 for each in (*AT, "disconnected")), found
    words = ", ".join(f"{each} {found[each]}" for each in (*AT, "disconnected"))
    trial.checked(f"stopped while {words}", "exactly one end", "cancelled, or over before", "I6 within 20 s", "I8")


@dataclass
class _Stops:
    """People who stop tasks, each once that is where it is to be. `twice` counts stops of what was being stopped."""

    trial: Trial
    home: Home
    feed: Feed
    slow: Json
    tasks: list[Json] = field(default_factory=list)
    twice: int = 0

    async def at(self, aims: Sequence[str]) -> None:
        """So many of them, a few at once."""
        left = iter(aims)

        async def some() -> None:
            for aim in left:
                await self._stop(aim)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(some())

    async def while_cut_off(self) -> None:
        """As many as the runner takes, which is cut off once it has them."""
        tasks = [await self._send(self.home.project, "Steps: sleep 600") for _ in range(SLOTS)]
        for task in tasks:
            await self.feed.until(task, phase("running"), within_s=WITHIN_S)
        self.home.wire.cut()
        for task in tasks:
            await self.feed.until(task, silent, within_s=WITHIN_S)
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(self._ends(task))
            await asyncio.sleep(self.trial.chance.uniform(0.0, 3.0))
            self.home.wire.mend()

    async def _stop(self, aim: str) -> None:
        task = await self._send(self.slow if aim == "pulling" else self.home.project, steps(0.2, 2))
        _, begins = AT[aim]
        if begins is not None:
            await self.feed.until(task, begins, within_s=WITHIN_S)
        if aim not in ("offered", "accepted"):
            await asyncio.sleep(self.trial.chance.uniform(0.0, 0.05))
        await self._ends(task, twice=aim == "stopping")

    async def _send(self, project: Json, prompt: str) -> Json:
        self.tasks.append(task := await self.home.phone.create_task(project, prompt))
        return task

    async def _ends(self, task: Json, *, twice: bool = False) -> None:
        answered = await self.home.phone.stop(task)
        self.trial.injected()
        with self.trial.recovery(limit_s=20.0):
            if twice:
                again = await self.home.phone.stop(task)
                self.twice += again["status"] not in FINAL
            await self.feed.until(task, final, within_s=WITHIN_S)
        await self._judge(task, answered)

    async def _judge(self, task: Json, answered: Json) -> None:
        ended = await self.home.phone.task(task)
        # What was not over when it was stopped is not completed any more.
        assert ended["status"] == ("completed" if answered["status"] == "completed" else "cancelled"), ended
        stored = await self.home.phone.events(task)
        seen = self.feed.events[task["task_id"]]
        await self.feed.until(task, lambda event: bool(event["cursor"] == stored[-1]["cursor"]), within_s=WITHIN_S)
        assert seen == stored, "I8: what was watched is not what is stored"
        assert len([event for event in seen if final(event)]) == 1, [event["detail"] for event in seen]
        ends = [event["detail"]["phase"] for event in seen if event["kind"] == "attempt_phase_changed"][-1:]
        assert set(ends) <= {"cancelled", "succeeded", "withdrawn"}, ends


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
                assert not containers(observer.task), "its slot is free before it is gone"
            await gapless(observer)
    async with home.watch(steps(0.1, 2)) as observer:
        assert (await observer.ended())["status"] == "completed", "the slot is free"
    trial.checked("ended, and its container is gone", "the slot is free again", "I8")


@fault("T42", "a runner is cordoned at the instant of a placement")
async def cordoned_at_placement(trial: Trial) -> None:
    async with trial.own_home(slots=5) as home:
        for _ in range(25):
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
        found = await cordon_often(Path(folder), rounds=CORDONS, chance=trial.chance)
    trial.injected(found.rounds)
    words = f"{found.listed} answers list what goes on, {found.taken_back} offers were taken back on their way"
    trial.checked("no offer after its answer that is not in it", words, "all complete once it is active again")


def _over(home: Home) -> set[str]:
    return {each.attempt_id for each in read(home.stack).attempts if not each.live}
