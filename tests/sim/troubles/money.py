"""Money is limited: of a person's day, or of each task, whose people raise it, mostly in time."""

import random

from tests.sim.deeds import Deed, Kind, Plan
from tests.sim.spending import NANODOLLARS
from tests.sim.troubles.times import when_s


def short_of_money(result: Plan, chance: random.Random) -> None:
    """One, the other, or both; runners may die while they ask."""
    result.temper.costly = True
    which = chance.choice(("day", "task", "both"))
    if which != "task":
        limit = NANODOLLARS * chance.choice((3, 6, 12, 40))
        result.limits["ERRAND_USER_DOLLARS_PER_DAY"] = f"{limit / 1e9:.9f}"
    if which != "day":
        result.allowance = NANODOLLARS * chance.choice((4, 10))
        for of in [deed for deed in result.deeds if deed.kind is Kind.CREATE]:
            for _ in range(chance.randint(0, 4)):
                at_s = of.at_s + chance.expovariate(1 / 60.0)
                result.deeds.append(Deed(at_s, Kind.RAISE, who=of.who, number=of.number))
    if chance.random() < 0.5:
        result.temper.pace_s, result.temper.fail_early = 8.0, 0.0
        for _ in range(3):
            who, down_s = chance.randrange(result.runners), chance.choice((0.5, 5.0))
            result.deeds.append(Deed(when_s(result, chance), Kind.RUNNER_KILLED, who=who, for_s=down_s))
