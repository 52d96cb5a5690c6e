"""The registry of a project's image hangs, or has too much to do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.chaos.fault import fault
from tests.chaos.home import Home
from tests.chaos.observer import check, gapless
from tests.chaos.prompts import lines, steps
from tests.chaos.trial import Trial
from tests.demo.phone import Json
from tests.demo.stack import REPOSITORY
from tests.e2e.watching import no_container
from tests.standins.registry import registry


@fault("T39", "the registry of an image hangs, then says 429, while other tasks work")
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
            phases = [phase for _, phase, _ in observer.attempts()]
            assert len(phases) > 1, "it was not tried again"
            await gapless(observer)
        await _plain(home, project)
        async with home.watch(steps(0.1, 2)) as other:
            await check(other)
    trial.checked("others work meanwhile", "a stop counts at once", "tried again, then failed in words", "I8")


async def _plain(home: Home, project: Json) -> None:
    await home.phone.update_project(project, image="")


@asynccontextmanager
async def _image(home: Home, image: str) -> AsyncIterator[Json]:
    """The project with this image, as long as the context lasts."""
    project = await home.phone.add_project(REPOSITORY)
    await home.phone.update_project(project, image=image)
    try:
        yield project
    finally:
        await _plain(home, project)
