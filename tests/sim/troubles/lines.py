"""Lines that are cut."""

import random

from tests.sim.deeds import Deed, Kind, Plan
from tests.sim.troubles.times import when_s


def partition(result: Plan, chance: random.Random) -> None:
    _cut(result, chance, Kind.PARTITION)


def heart_cut(result: Plan, chance: random.Random) -> None:
    _cut(result, chance, Kind.HEART_CUT)


def streams_cut(result: Plan, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 4))):
        result.deeds.append(Deed(when_s(result, chance), Kind.STREAMS_CUT))


def _cut(result: Plan, chance: random.Random, kind: Kind) -> None:
    for _ in range(chance.choice((1, 2, 3))):
        for_s = chance.choice((chance.uniform(2, 20), chance.uniform(20, 120), chance.uniform(450, 700)))
        # 1: nothing goes up; 2: nothing comes down; 3: both.
        result.deeds.append(
            Deed(
                when_s(result, chance),
                kind,
                who=chance.randrange(result.runners),
                for_s=for_s,
                number=chance.randint(1, 3),
            )
        )
