"""What a task may spend: decisions about it."""

from dataclasses import asdict

from errand_common.errors import Conflict, Invalid
from errand_scheduler.store.allowance import NO_LIMIT, Allowance

MOST = Allowance(cost_nanodollars=10**15, tokens=10**12, requests=10**6, work_us=365 * 24 * 60 * 60 * 10**6)
"""The highest limits."""

_SAID = {
    "cost_nanodollars": "money",
    "tokens": "tokens",
    "requests": "requests",
    "work_us": "time",
}


def allowance_for(asked: Allowance | None, project: Allowance, default: Allowance) -> Allowance:
    """Of a new task: all as asked; where nothing is, each limit as the project has it, else as by default."""
    if asked is not None:
        return asked
    return Allowance(
        cost_nanodollars=project.cost_nanodollars or default.cost_nanodollars,
        tokens=project.tokens or default.tokens,
        requests=project.requests or default.requests,
        work_us=project.work_us or default.work_us,
    )


def raised(allowance: Allowance, more: Allowance) -> Allowance:
    """Each limit is higher by so much. Raises Invalid where nothing is, or one would be too high, Conflict WRONG_STATE
    where there is no such limit."""
    if more == NO_LIMIT:
        raise Invalid(
            "nothing is added to the allowance; say by how much to raise it: cost_nanodollars 2000000000 is $2"
        )
    limits, most, result = asdict(allowance), asdict(MOST), {}
    for name, added in asdict(more).items():
        if added and not limits[name]:
            raise Conflict(f"the task has no limit on {_SAID[name]}; there is nothing to raise")
        result[name] = limits[name] + added
        if result[name] > most[name]:
            raise Invalid(f"{name} would be {result[name]}; the most is {most[name]}, so add less")
    return Allowance(**result)
