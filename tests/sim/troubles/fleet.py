"""Runners that are taken out of service, and back, while they are at work or about to be."""

import random

from tests.sim.deeds import Deed, Kind, Plan
from tests.sim.troubles.times import when_s


def out_of_service(result: Plan, chance: random.Random) -> None:
    """Some of it just when a task is to be placed."""
    created = [deed.at_s for deed in result.deeds if deed.kind is Kind.CREATE]
    for _ in range(chance.choice((1, 2, 4))):
        who = chance.randrange(result.runners)
        at_s = chance.choice((when_s(result, chance), chance.choice(created) + chance.uniform(0, 1)))
        kind = chance.choice((Kind.CORDON, Kind.DRAIN, Kind.DRAIN))
        for_s = chance.choice((0.0, chance.uniform(0, 30), -1.0))
        result.deeds.append(Deed(at_s, kind, who=who, for_s=for_s))
        if chance.random() < 0.7:
            result.deeds.append(Deed(at_s + chance.choice((0.0, chance.uniform(0, 90))), Kind.UNCORDON, who=who))
