"""Disks run full, are slow, or fail; a backup of before is put in their place."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from errand_scheduler.placing.seats import LACKS_ROOM
from tests.chaos.fault import fault
from tests.chaos.home import Home
from tests.chaos.observer import check
from tests.chaos.prompts import began, kind, lines, ran, steps
from tests.chaos.trial import Trial
from tests.chaos.unreliable import unreliable
from tests.demo.phone import Refused
from tests.e2e.watching import no_container
from tests.integration.small_disk import SmallDisk, small_disk

MIB = 1024 * 1024


@fault("T29", "the scheduler's disk is full in mid-work, then has room again", needs=("root", "mount"))
async def scheduler_disk_full(trial: Trial) -> None:
    async with trial.own_home(scheduler={"ERRAND_MIN_FREE_BYTES": "0"}) as home, _on(home, "scheduler") as disk:
        async with home.watch(steps(0.5, 8)) as observer, home.watch("Steps: sleep 600") as other:
            await observer.until(began(1))
            await other.until(ran("sleep 600"))
            disk.fill(0)
            trial.injected()
            with pytest.raises(Refused) as refused:
                await _create_many(home)
            assert refused.value.status == 503, refused.value
            assert await home.phone.messages(observer.task), "what is there can be read"
            stopped = await home.phone.stop(other.task)
            assert stopped["status"] in ("running", "cancelled"), stopped
            await no_container(other.task)
            last = observer.events[-1]
            await asyncio.sleep(2.0)
            disk.free(0)
            with trial.recovery(limit_s=15.0):
                await observer.until(lambda event: True, after=last)
            await check(observer)
            assert (await other.ended())["status"] == "cancelled"
            await _stop_all(home)
        assert observer.trace() == lines(8)
    trial.checked("refused, in words", "reads and stops go on", "no restart", "I3", "one attempt", "I8")


@fault("T30", "the runner's disk gets short, then full, in mid-work; then has room again", needs=("root", "mount"))
async def runner_disk_full(trial: Trial) -> None:
    short = {"ERRAND_MIN_FREE_BYTES": str(16 * MIB)}
    async with trial.own_home(runner=short) as home, _on(home, "runner", size_kib=64 * 1024) as disk:
        async with home.watch(steps(0.5, 30)) as observer:
            await observer.until(began(1))
            _leave(disk, 10 * MIB)
            trial.injected()
            async with home.watch("Steps: true") as later:
                # Before it is known it may be offered, and fail at its first look for room; then nothing is.
                waits = await later.until(lambda event: LACKS_ROOM in str(event["detail"].get("status_reason")))
                assert not any(event["kind"] == "sandbox_opened" for event in later.events), waits
                # Of what is below a quarter of the mark, half: it stands still, and can say so.
                _leave(disk, 2 * MIB)
                trial.injected()
                frozen = await observer.until(kind("attempt_frozen"))
                disk.free(0)
                with trial.recovery(limit_s=20.0):
                    await observer.until(kind("attempt_thawed"), after=frozen)
                ended = await later.ended()
                assert ended["status"] == "completed", ended
            await check(observer)
        assert observer.trace() == lines(30)
    # 0: nobody looks at what is free.
    blind = {"ERRAND_MIN_FREE_BYTES": "0"}
    async with trial.own_home(runner=blind) as home, _on(home, "runner", size_kib=64 * 1024) as disk:
        async with home.watch(steps(0.5, 8)) as observer:
            await observer.until(began(1))
            disk.fill(0)
            trial.injected()
            await home.stack.processes.logged("runner", "outbox_disk_full")
            await asyncio.sleep(2.0)
            last = observer.events[-1]
            disk.free(0)
            with trial.recovery(limit_s=20.0):
                await observer.until(lambda event: True, after=last)
            await check(observer)
        assert observer.trace() == lines(8)
    trial.checked("nothing new is begun, then it stands still, then it waits", "no event is lost", "one attempt", "I8")


def _leave(disk: SmallDisk, free_bytes: int) -> None:
    """Fill the disk up to that."""
    filler = disk.folder / "filler"
    filler.unlink(missing_ok=True)
    found = os.statvfs(disk.folder)
    filler.write_bytes(bytes(found.f_bavail * found.f_frsize - free_bytes))


@fault("T31", "each sync of the scheduler's disk takes 0.5 s; then every one fails", needs=("cc",))
async def disk_slow_and_broken(trial: Trial) -> None:
    async with unreliable() as library, trial.own_home(scheduler=library.settings) as home:
        async with home.watch(steps(0.2)) as observer:
            await observer.until(began(0))
            library.slow(0.5)
            trial.injected()
            await check(observer)
            library.behave()
        assert observer.trace() == lines()
        for _ in trial.rounds(3):
            async with home.watch(steps(0.3)) as observer:
                await observer.until(began(1))
                library.break_down()
                trial.injected()
                code = await home.died("scheduler")
                assert code == 1, f"it ended with {code}"
                library.behave()
                acked = observer.attempts()[-1][2]
                with trial.recovery(limit_s=10.0):
                    await home.start("scheduler")
                    await home.ready()
                assert observer.attempts()[-1][2] >= acked, "I3"
                await check(observer)
            assert observer.trace() == lines()
    trial.checked("waits for a slow disk", "ends by itself on a broken one", "I3", "one attempt", "I8")


@fault("T33", "yesterday's backup is restored under a running task and a finished one")
async def restored(trial: Trial) -> None:
    async with trial.own_home() as home:
        file = home.stack.folder / "yesterday.tar"
        async with home.watch(steps(0.1, 2)) as before:
            await check(before)
        assert (await home.run_scheduler("backup", str(file)))[0] == 0
        async with home.watch(steps(0.1, 2)) as after:
            await check(after)
        async with home.watch("Steps: sleep 600") as live:
            await live.until(ran("sleep 600"))
            cursor = before.events[-1]["cursor"]
            await home.stack.processes.stop("scheduler")
            code, said = await home.run_scheduler("restore", str(file))
            assert code == 0, said
            trial.injected()
            with trial.recovery(limit_s=15.0):
                await home.start("scheduler")
                await home.ready()
                # Nobody knows of it any more.
                await no_container(live.task)
        async with home.phone.live(before.task, cursor=cursor) as socket, asyncio.timeout(15):
            async for message in socket:
                if message["type"] == "reset":
                    break
        assert [event["kind"] for event in await home.phone.events(before.task)] == [
            event["kind"] for event in before.events
        ]
        with pytest.raises(Refused) as gone:
            await home.phone.task(after.task)
        assert gone.value.status == 404
        async with home.watch(steps(0.1, 2)) as since:
            await check(since)
        old, new = (int(event["cursor"].partition(".")[2]) for event in (before.events[-1], since.events[0]))
        assert since.events[0]["cursor"].partition(".")[0] != cursor.partition(".")[0]
        assert new > old
    trial.checked("old cursors are reset", "what came after has no say", "its container goes", "new tasks work", "I8")


@asynccontextmanager
async def _on(home: Home, name: str, *, size_kib: int = 32 * 1024) -> AsyncIterator[SmallDisk]:
    """A service's data folder on a disk of its own, for as long as the context lasts."""
    data = home.stack.folder / name
    kept = data.with_suffix(".kept")
    await home.stack.processes.stop(name)
    data.rename(kept)
    try:
        with small_disk(data, size_kib=size_kib) as disk:
            # The room that it keeps for itself is measured by the disk.
            shutil.copytree(kept, data, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.reserve"))
            try:
                await home.start(name)
                await home.ready()
                yield disk
            finally:
                (data / "filler").unlink(missing_ok=True)
                await home.stack.processes.stop(name)
                shutil.rmtree(kept)
                shutil.copytree(data, kept, ignore=shutil.ignore_patterns("*.sock"))
    finally:
        data.rmdir()
        kept.rename(data)
        await home.start(name)
        await home.ready()


async def _create_many(home: Home) -> None:
    for _ in range(200):
        await home.phone.create_task(home.project, "Steps: " + "x" * 20_000)


async def _stop_all(home: Home) -> None:
    """What filled the disk are tasks too."""
    for status in ("running", "pending"):
        for task in (await home.phone.get("/v1/tasks", status=status))["tasks"]:
            await home.phone.stop(task)
