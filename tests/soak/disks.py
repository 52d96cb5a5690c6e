"""Small disks for what the scheduler and the runner keep: they can be filled up under them, and emptied again."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.demo.stack import Stack
from tests.integration.small_disk import SmallDisk, small_disk

SIZE_KIB = 256 * 1024
FULL_S = 4.0
KEPT_BY = ("scheduler", "runner")


class Disks:
    """By the name of the service whose it is."""

    def __init__(self, stack: Stack, disks: dict[str, SmallDisk], chance: random.Random) -> None:
        self._stack, self._disks, self._chance = stack, disks, chance

    async def fill_one(self) -> None:
        """One of them is full for a while."""
        name = self._chance.choice(KEPT_BY)
        pid = self._stack.processes.running[name].pid
        await asyncio.to_thread(self._disks[name].fill, pid)
        try:
            await asyncio.sleep(FULL_S)
        finally:
            self._disks[name].free(pid)


@asynccontextmanager
async def small_disks(stack: Stack, chance: random.Random) -> AsyncIterator[Disks]:
    """The services are stopped, get them under what they have kept so far, and are to be started by the caller; at the
    end they are stopped once more, and what they kept is put back."""
    await stack.stop_services()
    async with AsyncExitStack() as undo:
        disks: dict[str, SmallDisk] = {}
        for name in KEPT_BY:
            folder, aside = stack.folder / name, stack.folder / f"{name}.aside"
            folder.rename(aside)
            undo.callback(aside.rename, folder)
            undo.callback(folder.rmdir)
            disks[name] = undo.enter_context(small_disk(folder, size_kib=SIZE_KIB))
            shutil.copytree(aside, folder, dirs_exist_ok=True, symlinks=True)
            undo.callback(_replace, folder, aside)
        undo.push_async_callback(stack.stop_services)
        yield Disks(stack, disks, chance)


def _replace(kept: Path, aside: Path) -> None:
    shutil.rmtree(aside)
    shutil.copytree(kept, aside, symlinks=True)
