"""The registry of a project's image hangs, or has too much to do."""

import asyncio
import itertools
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from errand_runner.steps import PULL_BEATS
from errand_scheduler.lifecycle.decisions import MOST_RETRIES
from tests.chaos.fault import fault, lacking
from tests.chaos.fleet import Fleet
from tests.chaos.home import Home
from tests.chaos.invariants import Attempt, read
from tests.chaos.observer import Observer, check, gapless
from tests.chaos.prompts import kind, lines, steps
from tests.chaos.trial import Trial
from tests.demo.phone import Json
from tests.demo.stack import REPOSITORY
from tests.e2e.watching import no_container
from tests.standins.registry import registry

HOSTS = ("root", "ip", "iptables")


@fault("T39", "the registry of an image hangs, says 429, and hangs for longer than a host waits; other tasks work")
async def registry_fails(trial: Trial) -> None:
    home = await trial.home()
    async with registry() as shelf, _image(home, shelf.name("errand-chaos:1")) as project:
        shelf.add("errand-chaos:1", {"etc/os-release": b"ID=none\n"})
        shelf.going.clear()
        async with home.watch("Steps: true") as observer:
            async with asyncio.timeout(30):
                await shelf.blob_asked.wait()
            trial.injected()
            await _plain(home, project)
            async with home.watch(steps(0.1, 2)) as other:
                await check(other)
                assert other.trace() == lines(2)
            await home.phone.stop(observer.task)
            with trial.recovery(limit_s=15.0):
                assert (await observer.ended())["status"] == "cancelled"
                await no_container(observer.task)
            await gapless(observer)
        shelf.going.set()
        shelf.busy = True
        await home.phone.update_project(project, image=shelf.name("errand-chaos:2"))
        async with home.watch("Steps: true") as observer:
            trial.injected()
            failed = await observer.ended()
            assert (failed["status"], failed["failure_reason"]) == ("failed", "image"), failed
            assert "pull rate limit" in failed["status_reason"], failed
            tried = itertools.pairwise(_attempts(observer))
            waits = [_seconds(before.completed_us, after.accepted_us) for before, after in tried]
            assert len(waits) == MOST_RETRIES, waits
            assert all(wait_s >= home.stack.beat_s * 2**number for number, wait_s in enumerate(waits, start=1)), waits
            await gapless(observer)
        await _plain(home, project)
        async with home.watch(steps(0.1, 2)) as other:
            await check(other)
    trial.checked(
        "others work meanwhile", "a stop counts at once", "tried again ever later, then failed in words", "I8"
    )
    if lacks := lacking(*HOSTS):
        trial.checked(f"no other runner was tried, for this machine lacks {lacks}")
        return
    await _goes_elsewhere(trial)
    trial.checked("given up in time, and begun on another host")


async def _goes_elsewhere(trial: Trial) -> None:
    """A registry hangs for longer than a host waits for it; another host has the image."""
    fleet = await trial.fleet()
    async with registry() as shelf, _image(fleet, image := shelf.name("errand-chaos:3")) as project:
        shelf.add("errand-chaos:3", {"etc/os-release": b"ID=none\n"})
        shelf.going.clear()
        async with fleet.watch(steps(0.1, 2)) as observer:
            async with asyncio.timeout(30):
                await shelf.blob_asked.wait()
            trial.injected()
            late_s = PULL_BEATS * fleet.stack.beat_s
            await observer.until(lambda event: "did not end within" in str(event["detail"]), within_s=late_s + 15)
            with _tagged(fleet.stack.image, image):
                with trial.recovery(limit_s=15.0):
                    await observer.until(kind("sandbox_opened"))
                await check(observer, attempts=2)
            first, second = _attempts(observer)
            assert (first.phase, first.failure_reason) == ("failed", "image"), first
            assert first.runner_id != second.runner_id, "the other host was not tried"
            assert _seconds(first.accepted_us, first.completed_us) >= late_s
            assert observer.trace() == lines(2)
            await no_container(observer.task)
        await _plain(fleet, project)


def _attempts(observer: Observer) -> list[Attempt]:
    return [each for each in read(observer.stack).attempts if each.task_id == observer.task["task_id"]]


def _seconds(since_us: int | None, until_us: int | None) -> float:
    assert since_us is not None
    assert until_us is not None
    return (until_us - since_us) / 1e6


@contextmanager
def _tagged(image: str, name: str) -> Iterator[None]:
    """The image has that name too on this machine's engine."""
    subprocess.run(["docker", "tag", image, name], check=True)
    try:
        yield
    finally:
        subprocess.run(["docker", "rmi", "--no-prune", name], check=True, capture_output=True)


async def _plain(home: Home | Fleet, project: Json) -> None:
    await home.phone.update_project(project, image="")


@asynccontextmanager
async def _image(home: Home | Fleet, image: str) -> AsyncIterator[Json]:
    """The project with this image, as long as the context lasts."""
    project = await home.phone.add_project(REPOSITORY)
    await home.phone.update_project(project, image=image)
    try:
        yield project
    finally:
        await _plain(home, project)
