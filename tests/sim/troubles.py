"""What can go wrong in a schedule, each kind with its times and lengths by the seed."""

import random

from tests.sim.deeds import Deed, Kind, Plan
from tests.sim.store import CrashAt


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


def _downtime_s(chance: random.Random) -> float:
    return chance.choice((0.1, 1.0, chance.uniform(1, 20), chance.uniform(5, 60), chance.uniform(60, 300)))


def _when_s(result: Plan, chance: random.Random) -> float:
    return chance.uniform(0, result.active_s)


def _scheduler_killed(result: Plan, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 1, 2, 4))):
        result.deeds.append(Deed(_when_s(result, chance), Kind.SCHEDULER_KILLED, for_s=_downtime_s(chance)))


def _scheduler_killed_in_commit(result: Plan, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 4))):
        point = chance.choice(list(CrashAt)).value
        result.deeds.append(
            Deed(
                _when_s(result, chance),
                Kind.SCHEDULER_KILLED_IN_COMMIT,
                for_s=_downtime_s(chance),
                who=point,
                number=chance.randint(1, 10),
            )
        )


def _scheduler_stopped(result: Plan, chance: random.Random) -> None:
    result.deeds.append(Deed(_when_s(result, chance), Kind.SCHEDULER_STOPPED, for_s=chance.uniform(0.5, 30)))


def _scheduler_stalled(result: Plan, chance: random.Random) -> None:
    for_s = chance.choice((3.0, chance.uniform(3, 60), chance.uniform(60, 900)))
    result.deeds.append(Deed(_when_s(result, chance), Kind.SCHEDULER_STALLED, for_s=for_s))


def _runner_killed(result: Plan, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 3))):
        down_s = chance.choice((_downtime_s(chance), chance.uniform(580, 700)))
        result.deeds.append(
            Deed(
                _when_s(result, chance),
                Kind.RUNNER_KILLED,
                who=chance.randrange(result.runners),
                for_s=down_s,
                flag=chance.random() < 0.5,
            )
        )


def _runner_killed_in_sync(result: Plan, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 2, 3))):
        result.deeds.append(
            Deed(
                _when_s(result, chance),
                Kind.RUNNER_KILLED_IN_SYNC,
                who=chance.randrange(result.runners),
                for_s=_downtime_s(chance),
                number=chance.randint(1, 12),
                flag=chance.random() < 0.7,
            )
        )


def _runner_stalled(result: Plan, chance: random.Random) -> None:
    for_s = chance.choice((chance.uniform(3, 60), chance.uniform(500, 700)))
    who = chance.randrange(result.runners)
    result.deeds.append(Deed(_when_s(result, chance), Kind.RUNNER_STALLED, who=who, for_s=for_s))


def _partition(result: Plan, chance: random.Random) -> None:
    _cut(result, chance, Kind.PARTITION)


def _heart_cut(result: Plan, chance: random.Random) -> None:
    _cut(result, chance, Kind.HEART_CUT)


def _cut(result: Plan, chance: random.Random, kind: Kind) -> None:
    for _ in range(chance.choice((1, 2, 3))):
        for_s = chance.choice((chance.uniform(2, 20), chance.uniform(20, 120), chance.uniform(450, 700)))
        # 1: nothing goes up; 2: nothing comes down; 3: both.
        result.deeds.append(
            Deed(
                _when_s(result, chance),
                kind,
                who=chance.randrange(result.runners),
                for_s=for_s,
                number=chance.randint(1, 3),
            )
        )


def _streams_cut(result: Plan, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 4))):
        result.deeds.append(Deed(_when_s(result, chance), Kind.STREAMS_CUT))


def _clock_jump(result: Plan, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 3))):
        jump_s = chance.choice((-86400.0, -3600.0, -1.0, 1.0, 3600.0, 86400.0))
        who = chance.randrange(-1, result.runners)
        result.deeds.append(Deed(_when_s(result, chance), Kind.CLOCK_JUMP, who=who, for_s=jump_s))


def _disk_full(result: Plan, chance: random.Random) -> None:
    for_s = chance.choice((chance.uniform(1, 20), chance.uniform(20, 200), chance.uniform(600, 900)))
    result.deeds.append(Deed(_when_s(result, chance), Kind.DISK_FULL, for_s=for_s))


def _takeover(result: Plan, chance: random.Random) -> None:
    result.deeds.append(
        Deed(
            _when_s(result, chance),
            Kind.TAKEOVER,
            who=chance.randrange(result.runners),
            for_s=chance.uniform(1, 120),
            flag=chance.random() < 0.5,
        )
    )


def _stop_amid_ruins(result: Plan, chance: random.Random) -> None:
    """A stop, with the scheduler and the runners falling about it."""
    of = chance.choice([deed for deed in result.deeds if deed.kind is Kind.CREATE])
    at_s = of.at_s + chance.uniform(3, 60)
    result.deeds.append(Deed(at_s, Kind.STOP, who=of.who, number=of.number))
    result.deeds.append(Deed(at_s + chance.uniform(0, 3), Kind.SCHEDULER_KILLED, for_s=_downtime_s(chance)))
    for runner in range(result.runners):
        kind = chance.choice((Kind.PARTITION, Kind.RUNNER_KILLED, Kind.RUNNER_STALLED))
        result.deeds.append(
            Deed(at_s + chance.uniform(-1, 3), kind, who=runner, for_s=chance.uniform(100, 500), number=3)
        )
    result.active_s = max(result.active_s, at_s + 500.0)


def _lost_at_work(result: Plan, chance: random.Random) -> None:
    """Long work, runners that are cut off for longer than they may be, and people who send the tasks on meanwhile."""
    result.runners = max(result.runners, 2)
    result.temper.pace_s, result.temper.turns_most, result.temper.tools_most = 60.0, 4, 3
    result.temper.start_s = min(result.temper.start_s, 5.0)
    result.temper.fail_early = 0.0
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


def _two_at_once(result: Plan, chance: random.Random) -> None:
    """A second process with the same identity for minutes, while the first is at work and hears it."""
    result.temper.pace_s, result.temper.fail_early = 8.0, 0.0
    at_s = chance.uniform(5, 30)
    who, flag = chance.randrange(result.runners), chance.random() < 0.5
    result.deeds.append(Deed(at_s, Kind.TAKEOVER, who=who, for_s=chance.uniform(40, 120), flag=flag))


def _stop_on_a_full_disk(result: Plan, chance: random.Random) -> None:
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


def _late_words(result: Plan, chance: random.Random) -> None:
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


def _taken_back(result: Plan, chance: random.Random) -> None:
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


def _killed_while_asking(result: Plan, chance: random.Random) -> None:
    """Questions, and runners that die while nobody has answered yet."""
    result.temper.ask, result.temper.fail_early, result.temper.start_s = 0.5, 0.0, 0.5
    for _ in range(3):
        down_s = chance.choice((0.5, 5.0, 20.0))
        who = chance.randrange(result.runners)
        result.deeds.append(Deed(_when_s(result, chance), Kind.RUNNER_KILLED, who=who, for_s=down_s))
    for of in [deed for deed in result.deeds if deed.kind is Kind.CREATE]:
        for _ in range(3):
            answer_s = of.at_s + chance.uniform(5, 100)
            result.deeds.append(Deed(answer_s, Kind.ANSWER, who=of.who, number=of.number))


def _no_room_on_a_runner(result: Plan, chance: random.Random) -> None:
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


_WORDS = (Kind.FOLLOW_UP, Kind.STEER)
TROUBLES = (
    _scheduler_killed,
    _scheduler_killed_in_commit,
    _scheduler_stopped,
    _scheduler_stalled,
    _runner_killed,
    _runner_killed_in_sync,
    _runner_stalled,
    _partition,
    _heart_cut,
    _streams_cut,
    _clock_jump,
    _disk_full,
    _takeover,
    _stop_amid_ruins,
    _lost_at_work,
    _two_at_once,
    _stop_on_a_full_disk,
    _late_words,
    _taken_back,
    _killed_while_asking,
    _no_room_on_a_runner,
)
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
