"""`make soak`: kills so many at random, waits for the tasks, looks for what is left; exits non-zero if anything is."""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter

from tests.demo.phone import FINAL, Phone
from tests.demo.stack import REPOSITORY, Stack, open_stack
from tests.soak.kills import Killer
from tests.soak.left import left_over
from tests.soak.work import Crew

BEAT_S = 0.5
CREW = 4
END_S = 300.0


def main() -> None:
    """Run it and say how it went."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="how many")
    parser.add_argument("--seed", type=int, default=None, help="of what is killed when; by default another each time")
    given = parser.parse_args()
    seed = time.time_ns() % 1_000_000 if given.seed is None else given.seed
    print(f"{given.kills} kills with SEED={seed}, {CREW} tasks at once", flush=True)
    sys.exit(asyncio.run(_soak(given.kills, random.Random(seed))))


async def _soak(kills: int, chance: random.Random) -> int:
    async with open_stack(script="steps", beat_s=BEAT_S) as stack, Phone.open(stack.gateway_url) as phone:
        await stack.processes.stop("runner")
        stack.runner_settings["ERRAND_SLOTS"] = str(CREW)
        await stack.start_runner()
        await phone.sign_in()
        crew = Crew(phone, await phone.add_project(REPOSITORY), size=CREW)
        killer = Killer(stack, chance)
        async with asyncio.TaskGroup() as group:
            working = group.create_task(crew.work())
            await killer.kill(kills)
            crew.enough.set()
            async with asyncio.timeout(END_S):
                await working
        return await _judge(stack, crew, killer)


async def _judge(stack: Stack, crew: Crew, killer: Killer) -> int:
    # A runner that starts sweeps first; what it holds ready for tasks to come goes when it stops.
    await stack.processes.stop("runner")
    await stack.start_runner()
    left = await left_over(stack)
    ends = Counter(f"{task['status']} {task['failure_reason'] or ''}".strip() for task in crew.ended)
    for what, count in killer.killed.items():
        print(f"  {what:12}{count:5} killed")
    for end, count in ends.items():
        print(f"  {end:30}{count:5} tasks")
    for words in left:
        print(f"  left over: {words}")
    unfinished = [task["task_id"] for task in crew.ended if task["status"] not in FINAL or not _says_why(task)]
    print(
        f"{killer.killed.total()} kills, {len(crew.ended)} tasks: {len(unfinished)} without a true end,"
        f" {len(left)} processes, containers or volumes left over"
    )
    return 1 if left or unfinished or not ends["completed"] else 0


def _says_why(task: dict[str, object]) -> bool:
    return task["status"] == "completed" or bool(task["status_reason"])


if __name__ == "__main__":
    main()
