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


def cut_to_the_last_moment(result: Plan, chance: random.Random) -> None:
    """Lines that come back just when what waits for them is given up, on a disk that is slow."""
    result.linger_s, result.slow_sync_s = 1.0, chance.choice((0.0, 3.0, 6.0))
    for number in range(60, 63):
        result.deeds.append(Deed(when_s(result, chance), Kind.CREATE, number=number))
    for of in [deed for deed in result.deeds if deed.kind is Kind.CREATE]:
        # Beats until an offer is taken back, one is thought to be away, one is lost.
        beats = chance.choice((3, 3, 6, 6, 12, 120))
        at_s, for_s = of.at_s + chance.choice((0.0, chance.uniform(0, 20))), beats * 5.0 + chance.uniform(-2.0, 3.0)
        for runner in range(result.runners):
            for kind in (Kind.PARTITION, Kind.HEART_CUT):
                result.deeds.append(Deed(at_s, kind, who=runner, for_s=for_s, number=3))
        if chance.random() < 0.4:
            result.deeds.append(Deed(at_s + chance.uniform(0, 2), Kind.STOP, who=of.who, number=of.number))
        result.active_s = max(result.active_s, at_s + for_s + 20.0)
