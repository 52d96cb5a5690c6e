"""How long to wait before the model is asked again, and when to give up: pure, by a clock of the test's own."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errand_runner.agent.exchange import KeyRefused, ModelUnavailable, RateLimited
from errand_runner.agent.facts import EndReason, ModelDelayed, TurnEnded
from errand_runner.agent.retry import Patience, Tries, backoff_s
from errand_runner.sandbox.profile import SandboxSpec

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OVERLOADED = ModelUnavailable("the model's service is overloaded (529: Overloaded)")


class Request:
    """The tries of one request. Time stands still but for the waits."""

    def __init__(self, patience: Patience, chance: float = 0.0) -> None:
        self.now_s = 0.0
        self.tries = Tries(patience, now_s=lambda: self.now_s, utcnow=lambda: NOON, chance=lambda: chance)

    def fails(self, error: ModelUnavailable | RateLimited | KeyRefused) -> ModelDelayed | TurnEnded:
        follows = self.tries.after(error)
        if isinstance(follows, ModelDelayed):
            self.now_s += follows.delay_s
        return follows


@given(st.integers(1, 500), st.floats(0, 1, exclude_max=True))
def test_a_delay_lies_within_its_bounds(failures: int, chance: float) -> None:
    delay_s = backoff_s(Patience(), failures=failures, chance=chance)
    assert 1 <= delay_s <= min(60, 2**failures)


def test_many_that_fail_together_do_not_return_together() -> None:
    assert backoff_s(Patience(), failures=1, chance=0.1) != backoff_s(Patience(), failures=1, chance=0.9)


def test_what_a_troubled_service_asks_for_is_the_least() -> None:
    request = Request(Patience())
    assert request.fails(ModelUnavailable("busy", retry_after_s=20.0)) == ModelDelayed("busy", 20.0)
    assert request.fails(ModelUnavailable("busy", retry_after_s=0.2)) == ModelDelayed("busy", 1.0)


def test_a_spent_budget_ends_with_what_was_tried_and_what_to_do() -> None:
    request = Request(Patience(longest_s=60, budget_s=1800), chance=0.999)
    while isinstance(follows := request.fails(OVERLOADED), ModelDelayed):
        assert follows.cause == OVERLOADED.cause
    assert 1700 < request.now_s <= 1800
    assert follows.reason is EndReason.MODEL_UNAVAILABLE
    assert follows.text.startswith("Claude was asked 34 times in 29 minutes and never gave a whole reply")
    assert "at last the model's service is overloaded (529: Overloaded)." in follows.text
    assert follows.text.endswith("Send the task on to try again.")


def test_a_wait_beyond_the_budget_is_not_begun() -> None:
    follows = Request(Patience(budget_s=60)).fails(ModelUnavailable("busy", retry_after_s=7200))
    assert follows == TurnEnded(
        EndReason.MODEL_UNAVAILABLE,
        "Claude was asked once and never gave a whole reply; at last busy. It asks to wait 2 hours."
        " Send the task on to try again.",
    )


def test_a_rate_limit_is_waited_for_until_it_resets_and_a_little_more() -> None:
    follows = Request(Patience(), chance=0.5).fails(RateLimited("limited", reset_s=5 * 3600))
    assert follows == ModelDelayed("limited; the work goes on at 17:00:01 UTC", 5 * 3600 + 1.5)


def test_waiting_for_limits_costs_nothing_of_the_budget_for_troubles() -> None:
    request = Request(Patience(budget_s=60))
    for _ in range(3):
        assert isinstance(request.fails(RateLimited("limited", reset_s=3600)), ModelDelayed)
    assert request.fails(OVERLOADED) == ModelDelayed(OVERLOADED.cause, 1.0)


def test_a_service_that_is_always_limited_in_a_moment_is_asked_ever_more_rarely() -> None:
    request = Request(Patience(), chance=0.999)
    delays = [request.fails(RateLimited("limited", reset_s=0.1)) for _ in range(8)]
    assert [round(each.delay_s) for each in delays if isinstance(each, ModelDelayed)] == [2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.parametrize(("asked_s", "waits"), [([86_390], True), ([86_400], False), ([80_000, 7_000], False)])
def test_no_request_waits_longer_than_a_day_for_limits(asked_s: list[int], waits: bool) -> None:
    request = Request(Patience())
    *_, last = [request.fails(RateLimited("the key is limited", reset_s=each)) for each in asked_s]
    assert isinstance(last, ModelDelayed) is waits
    if isinstance(last, TurnEnded):
        assert last.reason is EndReason.MODEL_UNAVAILABLE
        assert last.text.startswith("The key is limited, for another")
        assert "a request waits 24 hours at most. Send the task on after that" in last.text


def test_a_sandbox_outlives_the_longest_wait() -> None:
    assert SandboxSpec.lifetime_s >= 2 * Patience.limits_s


def test_what_no_repetition_mends_ends_at_once() -> None:
    follows = Request(Patience()).fails(KeyRefused(said="invalid bearer token", status=401))
    assert isinstance(follows, TurnEnded)
    assert follows.reason is EndReason.MODEL_AUTH
