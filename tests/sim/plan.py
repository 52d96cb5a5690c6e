"""A schedule made from a seed: who is there, what goes wrong and when, what people do."""

import random

from errand_runner.outbox.segments import SEGMENT_BYTES
from tests.sim.deeds import Deed, Kind, Plan
from tests.sim.network import Weather
from tests.sim.temper import Temper
from tests.sim.troubles import TROUBLES
from tests.sim.troubles.fleet import out_of_service
from tests.sim.troubles.meanwhile import meanwhile
from tests.sim.troubles.money import short_of_money


def plan(chance: random.Random) -> Plan:
    """Each schedule has few kinds of trouble, so that each kind is met alone and with every other."""
    result = Plan(
        runners=chance.choice((1, 2, 2, 3)),
        slots=[chance.choice((1, 1, 2, 3)) for _ in range(4)],
        active_s=chance.choice((60.0, 120.0, 120.0, 240.0)),
        weather=_weather(chance),
        temper=_temper(chance),
        group_most=chance.choice((1, 4, 64)),
        linger_s=chance.choice((0.0, 0.0, 0.01, 1.0)),
        slow_sync_s=chance.choice((0.0, 0.0, 0.0, 3.0)),
        rights_slow_s=chance.choice((0.0, 0.0, 5.0)),
        github_away=chance.choice((0.0, 0.0, 0.0, 0.0, 0.3)),
        segment_bytes=chance.choice((SEGMENT_BYTES, 500, 5_000)),
        watchers_slow_s=chance.choice((0.0, 0.0, 1.0, 20.0)),
    )
    if chance.random() < 0.1:
        result.limits |= {"ERRAND_MAX_RUNNING_PER_USER": "1", "ERRAND_MAX_PENDING_PER_USER": "2"}
    if chance.random() < 0.1:
        result.denied = frozenset((chance.randrange(2),))
    if chance.random() < 0.15:
        result.picky, result.moves_branch = True, 0.3
    _people(result, chance)
    if result.picky:
        for of in [deed for deed in result.deeds if deed.kind is Kind.CREATE]:
            look_s = of.at_s + chance.uniform(0.01, 4.0)
            result.deeds.append(Deed(look_s, Kind.LOOK, who=of.who, number=of.number))
    for trouble in chance.sample(TROUBLES, chance.choice((0, 1, 1, 2, 3, 4))):
        trouble(result, chance)
    if chance.random() < 0.3:
        meanwhile(result, chance)
    # Last, and no troubles among troubles: the schedules without them stay what they were.
    if chance.random() < 0.15:
        out_of_service(result, chance)
    if chance.random() < 0.2:
        short_of_money(result, chance)
    result.deeds.sort(key=lambda deed: deed.at_s)
    return result


def _weather(chance: random.Random) -> Weather:
    weather = Weather()
    if chance.random() < 0.5:
        return weather
    weather.jitter_s = chance.choice((0.0, 0.5, 4.0))
    weather.lose_request = chance.choice((0.0, 0.05))
    weather.lose_reply = chance.choice((0.0, 0.05, 0.2))
    weather.double = chance.choice((0.0, 0.1, 0.3))
    weather.double_late_s = chance.choice((1.0, 60.0, 3600.0))
    weather.cut_stream = chance.choice((0.0, 0.01, 0.05))
    return weather


def _temper(chance: random.Random) -> Temper:
    temper = Temper(
        pace_s=chance.choice((0.5, 2.0, 8.0)),
        start_s=chance.choice((0.5, 5.0, 30.0)),
        turns_most=chance.choice((1, 2, 4)),
        tools_most=chance.choice((1, 3)),
    )
    temper.ask = chance.choice((0.0, 0.0, 0.3))
    temper.quota = chance.choice((0.0, 0.0, 0.0, 0.3))
    temper.allowance = chance.choice((0.0, 0.0, 0.0, 0.2))
    temper.fail_early = chance.choice((0.0, 0.0, 0.0, 0.5, 0.9))
    temper.fail_late = chance.choice((0.0, 0.0, 0.2))
    temper.crash = chance.choice((0.0, 0.0, 0.0, 0.1))
    temper.large = chance.choice((0.0, 0.0, 0.0, 0.1))
    temper.delays = chance.choice((0.0, 0.0, 0.0, 0.3))
    temper.gaps = chance.choice((0.0, 0.0, 0.0, 0.3))
    temper.wrong = chance.choice((0.0,) * 7 + (0.3,))
    temper.stumble = chance.choice((0.0,) * 9 + (0.5,))
    temper.engine_away = chance.choice((0.0,) * 9 + (0.2,))
    temper.token_refused = chance.choice((0.0,) * 9 + (0.3,))
    temper.hang = chance.choice((0.0,) * 30 + (0.3,))
    return temper


def _people(result: Plan, chance: random.Random) -> None:
    busy = [
        Kind.FOLLOW_UP,
        Kind.STEER,
        Kind.ANSWER,
        Kind.STOP,
        Kind.STOP,
        Kind.STOP,
        Kind.RETRY,
        Kind.EDIT,
        Kind.PROMOTE,
    ]
    busy += [Kind.REMOVE, Kind.LOOK, Kind.LOOK, Kind.BLUNDER]
    kinds = chance.sample(busy, chance.randint(1, 5))
    for number in range(chance.choice((1, 2, 2, 3, 4))):
        at_s = chance.choice((0.0, chance.uniform(0, result.active_s / 2)))
        who = chance.choice((0, 0, 1))
        result.deeds.append(Deed(at_s, Kind.CREATE, who=who, number=number))
        for _ in range(chance.choice((0, 1, 1, 2, 4))):
            later_s = at_s + chance.expovariate(1 / 25.0)
            result.deeds.append(Deed(later_s, chance.choice(kinds), who=who, number=number, flag=chance.random() < 0.5))
        if chance.random() < 0.7:
            result.deeds.append(
                Deed(at_s + chance.uniform(0, 30), Kind.WATCH, who=who, number=number, flag=chance.random() < 0.3)
            )
