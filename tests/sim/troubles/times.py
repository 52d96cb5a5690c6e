"""When troubles come, and for how long."""

import random

from tests.sim.deeds import Plan


def downtime_s(chance: random.Random) -> float:
    """How long something is away."""
    return chance.choice((0.1, 1.0, chance.uniform(1, 20), chance.uniform(5, 60), chance.uniform(60, 300)))


def when_s(result: Plan, chance: random.Random) -> float:
    """Some time while people are at it."""
    return chance.uniform(0, result.active_s)
