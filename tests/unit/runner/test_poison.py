"""An event that breaks every stream on which it is sent costs its own attempt, and no other."""

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errand_common.errors import Unavailable
from errand_runner.bisection import LIMIT, Span, Suspicion
from errand_runner.outbox import Outbox
from tests.unit.runner.scheduler_double import SchedulerDouble
from tests.unit.runner.streaming import attempt, drained, event, sending


class Fading(SchedulerDouble):
    """Its poison is harmless after so many breaks. What comes then waits while `taking` is not set."""

    def __init__(self, *, breaks: int) -> None:
        super().__init__()
        self.until_breaks, self.taking = breaks, asyncio.Event()
        self.taking.set()

    async def _called(self, method):
        if self.breaks == self.until_breaks:
            self.poison.clear()
            await self.taking.wait()
        await super()._called(method)


@pytest.fixture
def box(tmp_path):
    return Outbox(tmp_path)


async def filled(box, *, attempts, events):
    logs = [box.hold(attempt(number), 1) for number in range(attempts)]
    for log in logs:
        for number in range(events):
            await log.append(event(f"event {number}"))
    return logs


async def test_the_attempt_with_the_poison_fails_alone_and_the_rest_goes_on(box):
    double = SchedulerDouble()
    logs = await filled(box, attempts=9, events=20)
    double.poison = {(attempt(4), 13)}
    async with sending(double, box):
        await drained(*logs)
        for log in logs[:4] + logs[5:]:
            await log.append(event("later"))
        await drained(*logs)

    assert "breaks the stream" in str(logs[4].broken)
    assert list(double.events[attempt(4)]) == list(range(1, 13))
    for log in logs[:4] + logs[5:]:
        assert list(double.events[log.attempt_id]) == list(range(1, 22))
        assert log.broken is None


async def test_it_is_found_in_few_breaks(box):
    double = SchedulerDouble()
    logs = await filled(box, attempts=16, events=64)
    double.poison = {(attempt(7), 40)}
    async with sending(double, box):
        await drained(*logs)

    assert double.breaks <= LIMIT + math.log2(16) + math.log2(64) + LIMIT


async def test_two_poisons_cost_two_attempts(box):
    double = SchedulerDouble()
    logs = await filled(box, attempts=6, events=8)
    double.poison = {(attempt(0), 8), (attempt(5), 1)}
    async with sending(double, box):
        await drained(*logs)

    assert [log.attempt_id for log in logs if log.broken] == [attempt(0), attempt(5)]
    for log in logs[1:5]:
        assert list(double.events[log.attempt_id]) == list(range(1, 9))


async def test_a_line_that_breaks_while_poison_is_looked_for_confuses_nobody(box):
    double = SchedulerDouble()
    logs = await filled(box, attempts=4, events=4)
    double.poison = {(attempt(2), 3)}
    double.failures["StreamEvents"] = [Unavailable("stopping"), *[None] * 7] * 4
    async with sending(double, box):
        await drained(*logs)

    assert [log.attempt_id for log in logs if log.broken] == [attempt(2)]


async def test_a_stream_that_breaks_now_and_then_costs_nobody(box):
    double = Fading(breaks=LIMIT + 1)
    logs = await filled(box, attempts=3, events=4)
    double.poison = {(attempt(1), 2)}
    async with sending(double, box):
        await drained(*logs)

    assert double.breaks == LIMIT + 1
    assert [log.broken for log in logs] == [None] * 3
    assert all(list(double.events[log.attempt_id]) == [1, 2, 3, 4] for log in logs)


async def test_whoever_comes_through_a_trial_goes_on_though_nothing_new_comes(box):
    double = Fading(breaks=LIMIT)
    double.taking.clear()
    (log,) = await filled(box, attempts=1, events=2)
    double.poison = {(attempt(0), 1)}
    async with sending(double, box):
        await double.until(lambda: double.breaks == LIMIT)
        await log.append(event("behind what is suspected"))
        double.taking.set()
        await drained(log)

    assert (list(double.events[attempt(0)]), log.broken) == ([1, 2, 3], None)


def test_what_is_held_against_an_attempt_goes_with_it():
    suspicion = Suspicion()
    for _ in range(LIMIT - 1):
        suspicion.note_break({"att": Span(1, 9)})
        suspicion.refusals.add("att", 1)

    suspicion.forget("att")

    suspicion.note_break({"att": Span(1, 9)})
    assert not suspicion.active
    assert suspicion.refusals.add("att", 1) == 1


@given(
    st.dictionaries(st.integers(0, 40), st.integers(1, 300), min_size=1),
    st.data(),
)
def test_whatever_waits_the_poison_is_found_in_a_logarithm_of_breaks(lengths, data):
    bad = data.draw(st.sampled_from(sorted(lengths)))
    poison = data.draw(st.integers(1, lengths[bad]))
    suspicion, acked, breaks = Suspicion(), dict.fromkeys(map(str, lengths), 0), 0
    there = {str(number): length for number, length in lengths.items()}
    for _ in range(LIMIT):
        suspicion.note_break({each: Span(1, length) for each, length in there.items()})
        breaks += 1

    culprit = None
    while culprit is None:
        trial = suspicion.trial({each: acked[each] for each in there if acked[each] < there[each]})
        assert trial, "the suspicion went away before the poison was found"
        sent = {each: Span(acked[each] + 1, last) for each, last in trial.items()}
        if str(bad) in sent and sent[str(bad)].first <= poison <= sent[str(bad)].last:
            culprit = suspicion.note_trial_broke(sent)
            breaks += 1
        else:
            acked.update(trial)

    assert culprit == str(bad)
    assert acked[culprit] == poison - 1
    assert breaks <= 2 * LIMIT + math.ceil(math.log2(len(there))) + math.ceil(math.log2(there[culprit])) + 1
