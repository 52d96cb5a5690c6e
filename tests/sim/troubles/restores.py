"""An older state of the scheduler's data is put back, while runners and people know of what came after."""

import random

from tests.sim.deeds import Deed, Kind, Plan
from tests.sim.troubles.times import when_s


def restore(result: Plan, chance: random.Random) -> None:
    """A backup amid everything, and then it is needed."""
    backup_s = chance.choice((0.0, when_s(result, chance)))
    after_s = chance.choice((chance.uniform(0.5, 10), chance.uniform(10, 90)))
    result.deeds.append(Deed(backup_s, Kind.BACKUP))
    result.deeds.append(Deed(backup_s + after_s, Kind.RESTORE, for_s=chance.choice((0.5, 5.0, 60.0))))
    if chance.random() < 0.3:
        result.deeds.append(Deed(backup_s + after_s + chance.uniform(1, 90), Kind.RESTORE, for_s=1.0))
    _watch_all(result, chance)
    for number in (40, 41):
        result.deeds.append(Deed(backup_s + after_s * chance.uniform(0.2, 3.0), Kind.CREATE, number=number))
    result.active_s = max(result.active_s, backup_s + after_s + 30.0)


def restore_at_work(result: Plan, chance: random.Random) -> None:
    """Between the backup and its return tasks go from one attempt to the next, and from runner to runner."""
    result.runners = max(result.runners, 2)
    result.temper.fail_early, result.temper.start_s = 0.0, 0.5
    result.temper.pace_s = chance.choice((0.5, 2.0, 8.0))
    backup_s, after_s = chance.uniform(5, 40), chance.uniform(10, 100)
    result.deeds.append(Deed(backup_s, Kind.BACKUP))
    for of in [deed for deed in result.deeds if deed.kind is Kind.CREATE]:
        for kind in (Kind.STOP, Kind.FOLLOW_UP, Kind.RETRY):
            at_s = chance.uniform(min(of.at_s, backup_s), backup_s + after_s + 20.0)
            result.deeds.append(Deed(at_s, kind, who=of.who, number=of.number))
    if chance.random() < 0.5:
        who, at_s = chance.randrange(result.runners), backup_s + chance.uniform(0, after_s)
        kind = chance.choice((Kind.RUNNER_KILLED, Kind.PARTITION))
        result.deeds.append(Deed(at_s, kind, who=who, for_s=chance.uniform(5, 200), number=3))
    result.deeds.append(Deed(backup_s + after_s, Kind.RESTORE, for_s=chance.choice((0.5, 30.0))))
    _watch_all(result, chance)
    result.active_s = max(result.active_s, backup_s + after_s + 60.0)


def restore_amid_an_attempt(result: Plan, chance: random.Random) -> None:
    """What is at work at the backup still is at its return, and has told more since."""
    result.temper.fail_early, result.temper.start_s, result.temper.turns_most = 0.0, 0.5, 4
    result.temper.pace_s = chance.choice((2.0, 8.0))
    backup_s, after_s = chance.uniform(8, 30), chance.uniform(1, 20)
    result.deeds.append(Deed(backup_s, Kind.BACKUP))
    result.deeds.append(Deed(backup_s + after_s, Kind.RESTORE, for_s=chance.choice((0.1, 5.0))))
    _watch_all(result, chance)


def restore_of_an_offer(result: Plan, chance: random.Random) -> None:
    """A backup just when something is offered, and its return before the offer would have expired."""
    result.temper.fail_early = 0.0
    result.temper.pace_s, result.temper.start_s = chance.choice((0.5, 2.0)), 0.5
    result.weather.jitter_s = chance.choice((0.5, 4.0))
    of = chance.choice([deed for deed in result.deeds if deed.kind is Kind.CREATE])
    backup_s = of.at_s + chance.uniform(0.0, 2.0 * result.weather.jitter_s)
    after_s = chance.uniform(1, 12)
    result.deeds.append(Deed(backup_s, Kind.BACKUP))
    result.deeds.append(Deed(backup_s + after_s, Kind.RESTORE, for_s=chance.choice((0.1, 0.5))))
    _watch_all(result, chance)


def _watch_all(result: Plan, chance: random.Random) -> None:
    for of in [deed for deed in result.deeds if deed.kind is Kind.CREATE]:
        at_s = of.at_s + chance.uniform(0.5, 10)
        result.deeds.append(Deed(at_s, Kind.WATCH, who=of.who, number=of.number, flag=chance.random() < 0.3))
