"""What people do while the longest trouble lasts."""

import random

from tests.sim.deeds import Deed, Kind, Plan

_LASTING = frozenset(
    (
        Kind.SCHEDULER_KILLED,
        Kind.SCHEDULER_STALLED,
        Kind.RUNNER_KILLED,
        Kind.RUNNER_STALLED,
        Kind.PARTITION,
        Kind.HEART_CUT,
        Kind.DISK_FULL,
    )
)


def meanwhile(result: Plan, chance: random.Random) -> None:
    """Wait for the longest trouble's end, and have people stop and send on their tasks while it lasts."""
    made = [deed for deed in result.deeds if deed.kind is Kind.CREATE]
    lasting = [deed for deed in result.deeds if deed.for_s > 20.0 and deed.kind in _LASTING]
    if not lasting:
        return
    longest = max(lasting, key=lambda deed: deed.for_s)
    result.active_s = max(result.active_s, longest.at_s + longest.for_s + 30.0)
    for _ in range(chance.randint(1, 3)):
        of, for_s = chance.choice(made), longest.for_s + 20.0
        at_s = longest.at_s + chance.uniform(0, for_s)
        result.deeds.append(Deed(at_s, Kind.STOP, who=of.who, number=of.number))
        next_s = at_s + chance.uniform(0.1, 60.0)
        result.deeds.append(Deed(next_s, chance.choice((Kind.RETRY, Kind.FOLLOW_UP)), who=of.who, number=of.number))
    for _ in range(2):
        of, at_s = chance.choice(made), longest.at_s + chance.uniform(0, longest.for_s)
        result.deeds.append(Deed(at_s, chance.choice((Kind.RETRY, Kind.FOLLOW_UP)), who=of.who, number=of.number))
