"""Hosts that die, stand still, run out of room, or are two."""

import errno
import random

from tests.sim.deeds import Deed, Kind, Plan
from tests.sim.store import CrashAt
from tests.sim.troubles.times import downtime_s, when_s


def scheduler_killed(result: Plan, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 2, 4))):
        result.deeds.append(Deed(when_s(result, chance), Kind.SCHEDULER_KILLED, for_s=downtime_s(chance)))


def scheduler_killed_in_commit(result: Plan, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 4))):
        point = chance.choice(list(CrashAt)).value
        result.deeds.append(
            Deed(
                when_s(result, chance),
                Kind.SCHEDULER_KILLED_IN_COMMIT,
                for_s=downtime_s(chance),
                who=point,
                number=chance.randint(1, 10),
            )
        )


def scheduler_stopped(result: Plan, chance: random.Random) -> None:
    result.deeds.append(Deed(when_s(result, chance), Kind.SCHEDULER_STOPPED, for_s=chance.uniform(0.5, 30)))


def scheduler_stalled(result: Plan, chance: random.Random) -> None:
    for_s = chance.choice((3.0, chance.uniform(3, 60), chance.uniform(60, 900)))
    result.deeds.append(Deed(when_s(result, chance), Kind.SCHEDULER_STALLED, for_s=for_s))


def runner_killed(result: Plan, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 3))):
        down_s = chance.choice((downtime_s(chance), chance.uniform(580, 700)))
        result.deeds.append(
            Deed(
                when_s(result, chance),
                Kind.RUNNER_KILLED,
                who=chance.randrange(result.runners),
                for_s=down_s,
                flag=chance.random() < 0.5,
            )
        )


def runner_killed_in_sync(result: Plan, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 3))):
        result.deeds.append(
            Deed(
                when_s(result, chance),
                Kind.RUNNER_KILLED_IN_SYNC,
                who=chance.randrange(result.runners),
                for_s=downtime_s(chance),
                number=chance.randint(1, 12),
                flag=chance.random() < 0.7,
            )
        )


def runner_stopped(result: Plan, chance: random.Random) -> None:
    """As an update does it."""
    who, down_s = chance.randrange(result.runners), downtime_s(chance)
    result.deeds.append(Deed(when_s(result, chance), Kind.RUNNER_STOPPED, who=who, for_s=down_s))


def runner_stalled(result: Plan, chance: random.Random) -> None:
    for_s = chance.choice((chance.uniform(3, 60), chance.uniform(500, 700)))
    who = chance.randrange(result.runners)
    result.deeds.append(Deed(when_s(result, chance), Kind.RUNNER_STALLED, who=who, for_s=for_s))


def clock_jump(result: Plan, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 3))):
        jump_s = chance.choice((-86400.0, -3600.0, -1.0, 1.0, 3600.0, 86400.0))
        who = chance.randrange(-1, result.runners)
        result.deeds.append(Deed(when_s(result, chance), Kind.CLOCK_JUMP, who=who, for_s=jump_s))


def disk_full(result: Plan, chance: random.Random) -> None:
    for_s = chance.choice((chance.uniform(1, 20), chance.uniform(20, 200), chance.uniform(600, 900)))
    result.deeds.append(Deed(when_s(result, chance), Kind.DISK_FULL, for_s=for_s))


def disk_broken(result: Plan, chance: random.Random) -> None:
    """A commit fails for good: the scheduler ends, and comes back."""
    for _ in range(chance.choice((1, 2))):
        down_s = chance.choice((0.5, 20.0))
        result.deeds.append(Deed(when_s(result, chance), Kind.DISK_BROKEN, for_s=down_s))


def reads_fail(result: Plan, chance: random.Random) -> None:
    """For a while questions to the database take too long, now and then."""
    result.deeds.append(Deed(when_s(result, chance), Kind.READS_FAIL, for_s=chance.uniform(5, 60)))


def runner_disk_broken(result: Plan, chance: random.Random) -> None:
    """For a while a runner's disk fails, or has no room, for whatever its attempts tell."""
    who, why = chance.randrange(result.runners), chance.choice((errno.EIO, errno.ENOSPC))
    result.temper.large, result.temper.fail_early, result.temper.start_s = chance.choice((0.0, 0.5)), 0.0, 0.5
    at_s, for_s = when_s(result, chance), chance.uniform(0.5, 20)
    result.deeds.append(Deed(at_s, Kind.RUNNER_DISK_FULL, who=who, for_s=for_s, number=why))


def log_damaged(result: Plan, chance: random.Random) -> None:
    """A runner's disk gives back other than was written to it, and the runner begins anew, more than once."""
    result.temper.fail_early, result.temper.start_s = 0.0, 0.5
    result.temper.pace_s, result.temper.turns_most = chance.choice((2.0, 8.0)), 4
    result.segment_bytes = chance.choice((500, 2_000, result.segment_bytes))
    of = chance.choice([deed for deed in result.deeds if deed.kind is Kind.CREATE])
    at_s = of.at_s + chance.uniform(5, 40)
    for who in range(result.runners):
        if chance.random() < 0.5:
            # What nobody has heard yet is damaged.
            result.deeds.append(Deed(at_s - 5.0, Kind.PARTITION, who=who, for_s=chance.uniform(8, 25), number=3))
        for kind in (Kind.LOG_DAMAGED, chance.choice((Kind.LOG_DAMAGED, Kind.RUNNER_KILLED)), Kind.RUNNER_KILLED):
            at_s += chance.uniform(2, 15)
            down_s, unreadable = chance.choice((0.5, 20.0)), chance.random() < 0.4
            result.deeds.append(Deed(at_s, kind, who=who, for_s=down_s, flag=unreadable and kind is Kind.LOG_DAMAGED))


def takeover(result: Plan, chance: random.Random) -> None:
    result.deeds.append(
        Deed(
            when_s(result, chance),
            Kind.TAKEOVER,
            who=chance.randrange(result.runners),
            for_s=chance.uniform(1, 120),
            flag=chance.random() < 0.5,
        )
    )
