"""A credential calls so often over a while, and is told when to come back."""

from datetime import timedelta

import pytest

from errand_common.errors import Exhausted
from errand_scheduler.access.callers import Caller
from errand_scheduler.access.rates import BURST_S, Rates
from tests.unit.scheduler.world import StillClock

PER_SECOND = 5.0
BURST = int(PER_SECOND * BURST_S)


def caller(number: int = 1, *, runner_id: str | None = None) -> Caller:
    return Caller(name="robot", scopes=frozenset(), token_id=f"stk_{number}", runner_id=runner_id)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def rates(clock: StillClock) -> Rates:
    return Rates(clock, per_second=PER_SECOND)


def spend(rates: Rates, who: Caller, calls: int = BURST) -> None:
    for _ in range(calls):
        rates.take(who)


def test_one_call_too_many_is_told_when_the_next_is_taken(clock: StillClock, rates: Rates) -> None:
    spend(rates, caller())
    with pytest.raises(Exhausted, match="robot calls more than 5 times a second") as refused:
        rates.take(caller())
    assert refused.value.retry_after == timedelta(seconds=0.2)
    clock.move(0.2)
    rates.take(caller())
    with pytest.raises(Exhausted):
        rates.take(caller())


def test_a_long_calm_brings_no_more_than_a_burst(clock: StillClock, rates: Rates) -> None:
    spend(rates, caller())
    clock.move(10 * BURST_S)
    spend(rates, caller())
    with pytest.raises(Exhausted):
        rates.take(caller())


def test_one_credential_does_not_spend_what_is_anothers(rates: Rates) -> None:
    spend(rates, caller(1))
    rates.take(caller(2))


def test_runners_and_an_errand_without_a_limit_are_not_counted(clock: StillClock, rates: Rates) -> None:
    spend(rates, caller(runner_id="rnr_1"), 2 * BURST)
    spend(Rates(clock, per_second=0), caller(), 2 * BURST)


def test_ten_thousand_credentials_do_not_make_who_called_just_now_forget_it(clock: StillClock, rates: Rates) -> None:
    for number in range(2, 10_001):
        rates.take(caller(number))
    clock.move(BURST_S)
    spend(rates, caller(1))
    rates.take(caller(20_000))
    with pytest.raises(Exhausted):
        rates.take(caller(1))
