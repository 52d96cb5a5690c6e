"""A secret stands for its value once, for a while, and there are never too many."""

import asyncio

import pytest

from errand_common.clock import Clock
from errand_common.one_time import OneTime


class StandingClock(Clock):
    """Stands still until it is moved."""

    seconds = 1000.0

    def boot_s(self) -> float:
        return self.seconds


def store_of(most: int = 10, clock: Clock | None = None) -> OneTime[int]:
    return OneTime(clock or StandingClock(), lifetime_s=60, most=most)


def test_a_secret_is_good_once() -> None:
    store = store_of()
    secret = store.put(1)

    assert store.take("another") is None
    assert store.take(secret) == 1
    assert store.take(secret) is None


def test_a_secret_is_long_and_new_each_time() -> None:
    store = store_of()

    assert len(store.put(1)) >= 43
    assert store.put(1) != store.put(1)


def test_a_secret_is_not_kept_itself() -> None:
    store = store_of()

    assert store.put(1) not in repr(vars(store))


def test_when_full_the_oldest_goes() -> None:
    store = store_of(most=3)
    secrets = [store.put(number) for number in range(5)]

    assert [store.take(secret) for secret in secrets] == [None, None, 2, 3, 4]


def test_the_expired_make_room_for_the_new() -> None:
    clock = StandingClock()
    store = store_of(most=3, clock=clock)
    old = [store.put(number) for number in range(2)]
    clock.seconds += 30
    young = store.put(2)
    clock.seconds += 30
    new = [store.put(3), store.put(4)]

    assert [store.take(secret) for secret in old] == [None, None]
    assert [store.take(secret) for secret in (young, *new)] == [2, 3, 4]


def test_looking_at_a_secret_does_not_spend_it() -> None:
    clock = StandingClock()
    store = store_of(clock=clock)
    secret = store.put(1)

    assert [store.peek(secret), store.peek(secret), store.peek("another")] == [1, 1, None]
    clock.seconds += 60
    assert store.peek(secret) is None


def test_work_that_succeeds_spends_the_secret_and_meanwhile_nobody_else_has_it() -> None:
    store = store_of()
    secret = store.put(1)

    with store.spending(secret) as first, store.spending(secret) as second:
        assert (first, second) == (1, None)
    assert store.take(secret) is None


def test_work_that_fails_leaves_the_secret_as_good_as_it_was() -> None:
    clock = StandingClock()
    store = store_of(clock=clock)
    secret = store.put(1)
    seen = []

    def fail() -> None:
        with store.spending(secret) as value:
            seen.append(value)
            raise ConnectionError

    for _ in range(2):
        with pytest.raises(ConnectionError):
            fail()
    assert seen == [1, 1]
    clock.seconds += 60
    assert store.take(secret) is None, "it lives no longer for that"


def test_work_that_is_cancelled_spends_the_secret() -> None:
    store = store_of()
    secret = store.put(1)

    with pytest.raises(asyncio.CancelledError), store.spending(secret):
        raise asyncio.CancelledError
    assert store.take(secret) is None
