"""Stops, and people who think again, while all else falls about them."""

import random

from tests.sim.deeds import Deed, Kind, Plan
from tests.sim.troubles.times import downtime_s

_WORDS = (Kind.FOLLOW_UP, Kind.STEER)


def stop_amid_ruins(result: Plan, chance: random.Random) -> None:
    """A stop, with the scheduler and the runners falling about it."""
    of = chance.choice([deed for deed in result.deeds if deed.kind is Kind.CREATE])
    at_s = of.at_s + chance.uniform(3, 60)
    result.deeds.append(Deed(at_s, Kind.STOP, who=of.who, number=of.number))
    result.deeds.append(Deed(at_s + chance.uniform(0, 3), Kind.SCHEDULER_KILLED, for_s=downtime_s(chance)))
    for runner in range(result.runners):
        kind = chance.choice((Kind.PARTITION, Kind.RUNNER_KILLED, Kind.RUNNER_STALLED))
        result.deeds.append(
            Deed(at_s + chance.uniform(-1, 3), kind, who=runner, for_s=chance.uniform(100, 500), number=3)
        )
    result.active_s = max(result.active_s, at_s + 500.0)


def stop_on_a_full_disk(result: Plan, chance: random.Random) -> None:
    """The scheduler's disk takes nothing but what must be, for long, and people stop what is at work."""
    result.temper.pace_s, result.temper.turns_most = 8.0, 4
    at_s, for_s = chance.uniform(5, 40), chance.uniform(250, 600)
    result.deeds.append(Deed(at_s, Kind.DISK_FULL, for_s=for_s))
    for of in [deed for deed in result.deeds if deed.kind is Kind.CREATE]:
        stop_s = at_s + chance.uniform(-3, 40)
        result.deeds.append(Deed(max(stop_s, of.at_s + 1.0), Kind.STOP, who=of.who, number=of.number))
    if chance.random() < 0.7:
        # Just when it is to stop: that the runner is away is not noticed yet.
        kill_s = max(stop_s, of.at_s + 1.0) + chance.uniform(-3, 1)
        for runner in range(result.runners):
            result.deeds.append(Deed(max(kill_s, 0.0), Kind.RUNNER_KILLED, who=runner, for_s=for_s))
    result.active_s = max(result.active_s, at_s + for_s + 10.0)


def late_words(result: Plan, chance: random.Random) -> None:
    """Tasks that are sent on with nothing added, and get a word while that is under way."""
    result.temper.fail_late, result.temper.pace_s = 0.3, chance.choice((2.0, 8.0))
    for of in [deed for deed in result.deeds if deed.kind is Kind.CREATE]:
        at_s = of.at_s
        for _ in range(3):
            at_s += chance.uniform(10, 40)
            if chance.random() < 0.6:
                result.deeds.append(Deed(at_s, Kind.STOP, who=of.who, number=of.number))
            at_s += chance.uniform(1, 20)
            result.deeds.append(Deed(at_s, Kind.RETRY, who=of.who, number=of.number))
            for _ in range(2):
                word_s = at_s + chance.uniform(0.1, 20)
                result.deeds.append(Deed(word_s, chance.choice(_WORDS), who=of.who, number=of.number))
        result.active_s = max(result.active_s, at_s + 20.0)


def word_at_the_end(result: Plan, chance: random.Random) -> None:
    """Tasks that are sent on with nothing added, have little to do, and get a word just when they are done."""
    result.temper.fail_late, result.temper.fail_early, result.temper.ask = 0.3, 0.0, 0.0
    result.temper.pace_s, result.temper.start_s, result.temper.turns_most = 0.5, 0.5, 1
    result.weather.jitter_s, result.linger_s = chance.choice((1.0, 4.0)), chance.choice((0.0, 1.0))
    for of in [deed for deed in result.deeds if deed.kind is Kind.CREATE]:
        at_s = of.at_s
        for _ in range(4):
            at_s += chance.uniform(20, 40)
            result.deeds.append(Deed(at_s, Kind.STOP, who=of.who, number=of.number))
            at_s += chance.uniform(15, 30)
            result.deeds.append(Deed(at_s, Kind.RETRY, who=of.who, number=of.number))
            word_s = at_s + chance.uniform(5, 35)
            result.deeds.append(Deed(word_s, Kind.FOLLOW_UP, who=of.who, number=of.number))
        result.active_s = max(result.active_s, at_s + 40.0)


def taken_back(result: Plan, chance: random.Random) -> None:
    """A stop, a word after it, and the word is taken back."""
    result.temper.pace_s = 8.0
    for of in [deed for deed in result.deeds if deed.kind is Kind.CREATE]:
        at_s = of.at_s
        for _ in range(3):
            at_s += chance.uniform(5, 30)
            result.deeds.append(Deed(at_s, Kind.STOP, who=of.who, number=of.number))
            word_s = at_s + chance.uniform(0.01, 2.0)
            result.deeds.append(Deed(word_s, Kind.FOLLOW_UP, who=of.who, number=of.number))
            result.deeds.append(Deed(word_s + chance.uniform(0.05, 2.0), Kind.REMOVE, who=of.who, number=of.number))
    result.active_s = max(result.active_s, 120.0)


def stop_in_every_phase(result: Plan, chance: random.Random) -> None:
    """Many short tasks, each stopped at some moment of its life, just after its end too."""
    result.temper.start_s, result.temper.pace_s = chance.choice((0.5, 5.0)), chance.choice((0.5, 2.0))
    for number in range(50, 56):
        at_s = chance.uniform(0, result.active_s)
        result.deeds.append(Deed(at_s, Kind.CREATE, number=number))
        for _ in range(chance.choice((1, 1, 2))):
            stop_s = at_s + chance.choice((chance.uniform(0, 0.1), chance.uniform(0, 5), chance.uniform(0, 40)))
            result.deeds.append(Deed(stop_s, Kind.STOP, number=number))
