"""A secret stands for its value once, for a while, and there are never too many."""

from errand_gateway.signin.one_time import OneTime
from tests.unit.gateway.gateway_under_test import MovableClock


def test_a_secret_is_good_once() -> None:
    store: OneTime[str] = OneTime(MovableClock(), lifetime_s=60, most=10)
    secret = store.put("value")

    assert store.take("another") is None
    assert store.take(secret) == "value"
    assert store.take(secret) is None


def test_a_secret_is_long_and_new_each_time() -> None:
    store: OneTime[str] = OneTime(MovableClock(), lifetime_s=60, most=10)

    assert len(store.put("value")) >= 43
    assert store.put("value") != store.put("value")


def test_a_secret_is_not_kept_itself() -> None:
    store: OneTime[str] = OneTime(MovableClock(), lifetime_s=60, most=10)

    assert store.put("value") not in repr(vars(store))


def test_when_full_the_oldest_goes() -> None:
    store: OneTime[int] = OneTime(MovableClock(), lifetime_s=60, most=3)
    secrets = [store.put(number) for number in range(5)]

    assert [store.take(secret) for secret in secrets] == [None, None, 2, 3, 4]


def test_the_expired_make_room_for_the_new() -> None:
    clock = MovableClock()
    store: OneTime[int] = OneTime(clock, lifetime_s=60, most=3)
    old = [store.put(number) for number in range(2)]
    clock.moved_s = 30
    young = store.put(2)
    clock.moved_s = 60
    new = [store.put(3), store.put(4)]

    assert [store.take(secret) for secret in old] == [None, None]
    assert [store.take(secret) for secret in (young, *new)] == [2, 3, 4]
