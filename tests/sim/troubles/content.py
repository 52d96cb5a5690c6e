"""Long content, full outboxes and words that nobody can take."""

import errno
import random

from errand_runner.outbox.budget import AheadLimits
from tests.sim.deeds import Deed, Kind, Plan
from tests.sim.troubles.times import when_s


def long_content(result: Plan, chance: random.Random) -> None:
    """Much of what is said and done is too long for an event, and the lines break while it travels."""
    result.temper.large, result.temper.fail_early = 0.5, 0.0
    result.weather.cut_stream = chance.choice((0.0, 0.05, 0.2))
    if chance.random() < 0.6:
        why = chance.choice((errno.ENOSPC, errno.EIO))
        for_s = chance.choice((chance.uniform(2, 40), chance.uniform(100, 400)))
        result.deeds.append(Deed(when_s(result, chance), Kind.BLOBS_REFUSED, number=why, for_s=for_s))


def long_content_lost(result: Plan, chance: random.Random) -> None:
    """While a runner cannot get it off its disk, the disk loses some."""
    result.temper.large, result.temper.fail_early, result.temper.start_s = 0.8, 0.0, 0.5
    result.temper.pace_s, result.temper.turns_most, result.temper.tools_most = 3.0, 4, 3
    of = chance.choice([deed for deed in result.deeds if deed.kind is Kind.CREATE])
    at_s, for_s = of.at_s + chance.uniform(4, 10), chance.uniform(20, 60)
    damaged, killed = chance.random() < 0.4, chance.random() < 0.4
    for who in range(result.runners):
        lost_s = at_s + chance.uniform(5, for_s)
        result.deeds.append(Deed(at_s, Kind.PARTITION, who=who, for_s=for_s, number=3))
        result.deeds.append(Deed(lost_s, Kind.BLOB_LOST, who=who, flag=damaged))
        if killed:
            result.deeds.append(Deed(lost_s + 1.0, Kind.RUNNER_KILLED, who=who, for_s=5.0))


def kept_content_lost(result: Plan, chance: random.Random) -> None:
    """The scheduler's disk loses what runners put there, and the conversations go on, or cannot."""
    result.temper.large, result.temper.fail_early, result.temper.start_s = 0.5, 0.0, 0.5
    for of in [deed for deed in result.deeds if deed.kind is Kind.CREATE]:
        at_s = of.at_s + chance.uniform(10, 60)
        result.deeds.append(Deed(at_s, Kind.KEPT_BLOB_LOST, flag=chance.random() < 0.5))
        for kind in (Kind.LOOK, Kind.FOLLOW_UP, Kind.RETRY):
            result.deeds.append(Deed(at_s + chance.uniform(0, 30), kind, who=of.who, number=of.number))


def small_outbox(result: Plan, chance: random.Random) -> None:
    """Attempts that tell more than the outbox may hold, while the scheduler takes nothing."""
    host_bytes = chance.choice((2_000, 30_000, 250_000))
    result.outbox = AheadLimits(attempt_bytes=chance.choice((4_000, 80_000, 200_000)), host_bytes=host_bytes)
    result.temper.large, result.temper.gaps, result.temper.pace_s = chance.choice((0.0, 0.5)), 0.5, 0.5
    result.temper.fail_early, result.temper.turns_most = 0.0, 4
    result.slots[0] = 3
    kind = chance.choice((Kind.PARTITION, Kind.SCHEDULER_KILLED, Kind.DISK_FULL))
    result.deeds.append(Deed(chance.uniform(5, 40), kind, for_s=chance.uniform(20, 120), number=3))


def poison(result: Plan, chance: random.Random) -> None:
    """Some attempts say what no scheduler can take, beside others that are at work."""
    result.temper.poison, result.temper.fail_early, result.temper.start_s = 0.3, 0.0, 0.5
    result.slots[0] = 4
    for number in range(30, 33):
        result.deeds.append(Deed(chance.uniform(0, 20), Kind.CREATE, number=number))
    result.active_s = max(result.active_s, 120.0)
