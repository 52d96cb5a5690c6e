"""What `make soak` says at its end."""

from tests.chaos.home import Home
from tests.chaos.invariants import hold
from tests.soak.crew import Crew
from tests.soak.kills import Killer
from tests.soak.left import left_over
from tests.soak.levels import Levels


async def report(home: Home, crew: Crew, killer: Killer, levels: Levels | None) -> int:
    """Prints it; 1 where anything is not as it should be, or nothing came of it. The services run anew."""
    left = await left_over(home.stack)
    broken = [*crew.breaches, *await _promises(home), *(levels.grown() if levels else [])]
    for counts, what in ((killer.killed, "times"), (crew.ends, "errands")):
        for name, count in counts.most_common():
            print(f"  {name:30}{count:5} {what}")
    for line in levels.lines() if levels else []:
        print(f"  {line}")
    for words in broken:
        print(f"  broken: {words}")
    for words in left:
        print(f"  left over: {words}")
    print(
        f"{killer.killed.total()} troubles, {crew.ends.total()} errands: {len(broken)} promises broken,"
        f" {len(left)} processes, containers or volumes left over"
    )
    return 1 if left or broken or not crew.ends["completed"] else 0


async def _promises(home: Home) -> list[str]:
    try:
        await hold(home.stack, {}, slots=home.slots)
    except AssertionError as exc:
        return [str(exc)]
    return []
