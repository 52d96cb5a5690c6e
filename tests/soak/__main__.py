"""`make soak`: people at work while things die at random; exits non-zero where a promise broke or anything is left.

For so many kills: jobs, supervisors, containers and the runner die under four errands at a time. For so many minutes:
everything does, under fifty, wires are cut and disks are full; of the last third the services are spared, to see
whether they grow.
"""

import argparse
import asyncio
import logging
import os
import random
import sys
import time
from contextlib import AsyncExitStack

import structlog

from tests.chaos.home import Home, open_home
from tests.demo.stack import SERVICES
from tests.soak.crew import Crew
from tests.soak.disks import small_disks
from tests.soak.kills import Killer
from tests.soak.levels import Levels
from tests.soak.line import Line
from tests.soak.report import report
from tests.soak.troubles import again, everything, runner_alone

KILLS, FEW = 300, 4
"""Errands at once, where kills are counted."""
MANY = 50
"""Errands at once, where minutes are."""
SPARE = 10
"""So many of them wait for a slot."""
BEAT_S = 1.0
_ROOM = {"ERRAND_MIN_FREE_BYTES": str(16 * 1024 * 1024)}
_MANY_KEPT = {"ERRAND_MAX_WORKSPACES": "0", **_ROOM}
"""With the usual fifty, whoever is at rest would lose its workspace to those at work."""
_MANY_ROOM = {"ERRAND_MAX_RUNNING_PER_USER": str(MANY), "ERRAND_CALLS_PER_SECOND": "1000", **_ROOM}


def main() -> int:
    """Run it and say how it went."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS, help="how many, where no minutes are given")
    parser.add_argument("--minutes", type=float, default=None, help="how long")
    parser.add_argument("--seed", type=int, default=None, help="of what happens; by default another each time")
    given = parser.parse_args()
    seed = time.time_ns() % 1_000_000 if given.seed is None else given.seed
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    chance = random.Random(seed)
    if given.minutes is None:
        print(f"{given.kills} kills with SEED={seed}, {FEW} errands at once", flush=True)
        return asyncio.run(_kills(given.kills, chance))
    print(f"{given.minutes:g} minutes with SEED={seed}, {MANY} errands at once", flush=True)
    return asyncio.run(_minutes(60 * given.minutes, chance))


async def _kills(count: int, chance: random.Random) -> int:
    async with open_home(beat_s=BEAT_S, slots=FEW) as home:
        killer = Killer(home.stack, chance, runner_alone(home), pause_s=0.6)
        crew = _crew(home, chance, size=FEW)
        async with asyncio.TaskGroup() as group:
            group.create_task(crew.work())
            await killer.kill(lambda: killer.killed.total() >= count)
            crew.enough.set()
        # A runner that starts sweeps first.
        await again(home, "runner")
        return await report(home, crew, killer, None)


async def _minutes(length_s: float, chance: random.Random) -> int:
    slots = MANY - SPARE
    async with (
        open_home(beat_s=BEAT_S, slots=slots, scheduler=_MANY_ROOM, runner=_MANY_KEPT) as home,
        AsyncExitStack() as stack,
    ):
        disks = await stack.enter_async_context(small_disks(home.stack, chance)) if os.geteuid() == 0 else None
        for name in SERVICES:
            await home.start(name)
        await home.ready()
        killer = Killer(home.stack, chance, everything(home, disks), pause_s=1.0)
        crew, levels = _crew(home, chance, size=MANY), Levels(home.stack)
        end_s = time.monotonic() + length_s
        async with asyncio.TaskGroup() as group:
            group.create_task(crew.work())
            await killer.kill(lambda: time.monotonic() > end_s - length_s / 3)
            looking = group.create_task(levels.look())
            await killer.kill(lambda: time.monotonic() > end_s, but=SERVICES)
            looking.cancel()
            crew.enough.set()
        await again(home, "runner")
        return await report(home, crew, killer, levels)


def _crew(home: Home, chance: random.Random, *, size: int) -> Crew:
    return Crew(home.stack, Line(home.phone), home.project, chance, size=size)


if __name__ == "__main__":
    sys.exit(main())
