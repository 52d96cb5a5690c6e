"""Which waiting task goes to which runner: a pure function of what waits and what is free."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NO_RUNNER = "no runner is connected"
ALL_BUSY = "every runner is busy"
AFFINITY = "waiting for the runner that has its workspace"


@dataclass(frozen=True)
class Waiting:
    """A task that may be placed. `age_s` is how long placement has known it."""

    task_id: str
    user_id: str
    last_runner_id: str | None
    age_s: float


@dataclass(frozen=True)
class Seat:
    """A runner that may be offered work."""

    runner_id: str
    free: int


@dataclass(frozen=True)
class Plan:
    """The offers to make, as task and runner, and why every other task waits."""

    offers: list[tuple[str, str]]
    reasons: dict[str, str]


def plan(waiting: Sequence[Waiting], seats: Sequence[Seat], busy: Mapping[str, int], *, affinity_s: float) -> Plan:
    """Give free slots to the user who has the fewest attempts, and within a user to the oldest task.

    `waiting` is oldest first; `busy` is how many live attempts each user has. A task that a runner worked on waits
    `affinity_s` for that one, then takes any.
    """
    free = {seat.runner_id: seat.free for seat in seats}
    load = Counter(busy)
    left = list(waiting)
    result = Plan(offers=[], reasons={})
    while left:
        task = min(left, key=lambda each: load[each.user_id])
        left.remove(task)
        runner_id = _choose(task, free, affinity_s)
        if runner_id is None:
            result.reasons[task.task_id] = _why(task, free, affinity_s)
            continue
        free[runner_id] -= 1
        load[task.user_id] += 1
        result.offers.append((task.task_id, runner_id))
    return result


def _choose(task: Waiting, free: Mapping[str, int], affinity_s: float) -> str | None:
    if task.last_runner_id is not None:
        if free.get(task.last_runner_id, 0) > 0:
            return task.last_runner_id
        if task.age_s < affinity_s:
            return None
    best = max(free, key=lambda runner_id: free[runner_id], default=None)
    return best if best is not None and free[best] > 0 else None


def _why(task: Waiting, free: Mapping[str, int], affinity_s: float) -> str:
    if not free:
        return NO_RUNNER
    if task.last_runner_id is not None and task.age_s < affinity_s:
        return AFFINITY
    return ALL_BUSY
