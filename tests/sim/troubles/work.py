"""Work that goes on for long, waits or is spoiled, and what happens to its runners meanwhile."""

import random

from tests.sim.deeds import Deed, Kind, Plan
from tests.sim.troubles.times import when_s


def lost_at_work(result: Plan, chance: random.Random) -> None:
    """Long work, runners that are cut off for longer than they may be, and people who send the tasks on meanwhile."""
    result.runners = max(result.runners, 2)
    result.temper.pace_s, result.temper.turns_most, result.temper.tools_most = 60.0, 4, 3
    result.temper.start_s = min(result.temper.start_s, 5.0)
    result.temper.fail_early = 0.0
    result.temper.engine_away = chance.choice((0.0, 0.0, 0.5))
    at_s, for_s = chance.uniform(15, 60), chance.uniform(620, 900)
    # The first has most room, so that it gets some; the last has some, so that it can take over.
    result.slots[0], result.slots[result.runners - 1] = 4, 2
    for number in (20, 21):
        result.deeds.append(Deed(chance.uniform(0, at_s - 8), Kind.CREATE, number=number))
        result.deeds.append(Deed(at_s + chance.uniform(105, 180), Kind.FOLLOW_UP, number=number))
    for runner in range(result.runners - 1):
        # The heart goes its own way: an attempt is given up only where nothing goes up on either.
        for kind in (Kind.PARTITION, Kind.HEART_CUT):
            result.deeds.append(Deed(at_s, kind, who=runner, for_s=for_s, number=chance.choice((1, 3))))
    for of in [deed for deed in result.deeds if deed.kind is Kind.CREATE]:
        for after_s in (chance.uniform(105, 350), chance.uniform(610, for_s)):
            kind = chance.choice((Kind.RETRY, Kind.FOLLOW_UP))
            result.deeds.append(Deed(at_s + after_s, kind, who=of.who, number=of.number))
    result.active_s = max(result.active_s, at_s + for_s + 60.0)


def two_at_once(result: Plan, chance: random.Random) -> None:
    """A second process with the same identity for minutes, while the first is at work and hears it."""
    result.temper.pace_s, result.temper.fail_early = 8.0, 0.0
    at_s = chance.uniform(5, 30)
    who, flag = chance.randrange(result.runners), chance.random() < 0.5
    result.deeds.append(Deed(at_s, Kind.TAKEOVER, who=who, for_s=chance.uniform(40, 120), flag=flag))


def killed_while_asking(result: Plan, chance: random.Random) -> None:
    """Questions, and runners that die while nobody has answered yet."""
    result.temper.ask, result.temper.fail_early, result.temper.start_s = 0.5, 0.0, 0.5
    for _ in range(3):
        down_s = chance.choice((0.5, 5.0, 20.0))
        who = chance.randrange(result.runners)
        result.deeds.append(Deed(when_s(result, chance), Kind.RUNNER_KILLED, who=who, for_s=down_s))
    for of in [deed for deed in result.deeds if deed.kind is Kind.CREATE]:
        for _ in range(3):
            answer_s = of.at_s + chance.uniform(5, 100)
            result.deeds.append(Deed(answer_s, Kind.ANSWER, who=of.who, number=of.number))


def no_room_on_a_runner(result: Plan, chance: random.Random) -> None:
    """A runner with free slots whose disk is full lets what it is offered pass."""
    result.runners = max(result.runners, 2)
    # In fair weather it can be told who would take a task. It has more room than the others at any time.
    result.weather.calm()
    result.slots[0] = 8
    result.temper.pace_s, result.temper.fail_early, result.temper.start_s = 8.0, 0.0, 0.5
    at_s = chance.uniform(10, 20)
    result.deeds.append(Deed(at_s, Kind.RUNNER_DISK_FULL, who=0, for_s=400.0))
    for number in range(10, 14):
        create_s = chance.choice((chance.uniform(0, at_s), chance.uniform(at_s + 20, at_s + 90)))
        result.deeds.append(Deed(create_s, Kind.CREATE, who=0, number=number))
    result.active_s = max(result.active_s, at_s + 420.0)
