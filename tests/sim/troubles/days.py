"""Days in which nobody does anything: the long deadlines pass."""

import random
from dataclasses import replace

from tests.sim.deeds import Deed, Kind, Plan

_DAY_S = 24 * 3600.0
_AFTER_S = 800.0  # what is late is noticed by then


def asleep_for_days(result: Plan, chance: random.Random) -> None:
    """Everybody sleeps: tasks wait for a runner, for an answer, or are at work meanwhile."""
    state, days = chance.choice((("pending", 7), ("waiting", 30), ("running", 1)))
    if chance.random() < 0.2:
        days = chance.choice((1, 7, 30))
    at_s, for_s = chance.uniform(10, 90), days * _DAY_S + 60.0
    if state == "pending":
        # Before anybody asks for anything.
        result.deeds = [replace(deed, at_s=deed.at_s + 4.0) for deed in result.deeds]
        # They come back long after the deadline, or just when it passes.
        back_s = at_s + for_s + chance.choice((300.0, chance.uniform(10, 60)))
        for who in range(result.runners):
            result.deeds.append(Deed(3.5, Kind.RUNNER_KILLED, who=who, for_s=back_s))
    elif state == "waiting":
        result.temper.ask, result.temper.allowance, result.temper.fail_early = 0.8, 0.3, 0.0
        result.temper.pace_s = result.temper.start_s = 0.5
        at_s = chance.uniform(30, 200)
    else:
        result.temper.pace_s, result.temper.start_s, result.temper.fail_early = 300.0, 0.5, 0.0
    result.limits["ERRAND_RETENTION_DAYS"] = str(chance.choice((days, days, 40)))
    # What people had in mind for later they do before, or not at all.
    result.deeds = [deed for deed in result.deeds if deed.at_s < at_s or deed.kind is Kind.CREATE]
    result.deeds.append(Deed(at_s, Kind.ASLEEP, for_s=for_s, flag=chance.random() < 0.3))
    if chance.random() < 0.5:
        _think_again(result, chance, at_s + for_s)
    result.active_s = at_s + for_s + _AFTER_S


def _think_again(result: Plan, chance: random.Random, wake_s: float) -> None:
    """People want something else just when it is given up, on a slow disk."""
    result.linger_s, result.slow_sync_s = 1.0, 6.0
    for of in [deed for deed in result.deeds if deed.kind is Kind.CREATE]:
        at_s, kind = wake_s + chance.uniform(20, 70), chance.choice((Kind.STOP, Kind.RETRY, Kind.FOLLOW_UP))
        result.deeds.append(Deed(at_s, kind, who=of.who, number=of.number))
