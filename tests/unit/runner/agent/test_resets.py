"""How long an answer asks to wait, by the headers that real services send."""

from datetime import UTC, datetime

import pytest

from errand_runner.agent.resets import asked_wait_s

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DATE = "Mon, 23 Nov 2026 12:00:00 GMT"


def limit(name: str, *, remaining: str, reset: str) -> dict[str, str]:
    return {f"anthropic-ratelimit-{name}-remaining": remaining, f"anthropic-ratelimit-{name}-reset": reset}


REQUESTS = limit("requests", remaining="0", reset="2026-11-23T12:00:30Z")
INPUT_TOKENS = limit("input-tokens", remaining="0", reset="2026-11-23T12:00:50+00:00")
PLENTY = limit("output-tokens", remaining="8000", reset="2026-11-23T12:30:00Z")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "17"}, 17),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Mon, 23 Nov 2026 12:02:00 GMT"}, 120),
        ({"retry-after": "86400"}, 86_400),
        (REQUESTS, 30),
        (REQUESTS | INPUT_TOKENS | PLENTY, 50),
        ({"retry-after": "3"} | REQUESTS, 3),
        ({"retry-after": "soon"} | REQUESTS, 30),
    ],
)
def test_what_is_asked_is_read(headers: dict[str, str], expected: float) -> None:
    assert asked_wait_s(headers, now=NOON) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"retry-after": "soon"},
        {"retry-after": "inf"},
        {"retry-after": "nan"},
        {"retry-after": "0"},
        {"retry-after": "-5"},
        {"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"},
        PLENTY,
        limit("requests", remaining="0", reset="in a while"),
        limit("requests", remaining="0", reset="2026-11-23T11:59:00Z"),
        {"anthropic-ratelimit-requests-reset": "2026-11-23T12:00:30Z"},
    ],
)
def test_nonsense_and_what_is_over_ask_for_nothing(headers: dict[str, str]) -> None:
    assert asked_wait_s(headers, now=NOON) is None


def test_a_wrong_clock_on_this_host_changes_nothing() -> None:
    wrong = datetime(2031, 1, 1, tzinfo=UTC)
    assert asked_wait_s({"date": DATE} | REQUESTS, now=wrong) == 30
    assert asked_wait_s({"date": DATE, "retry-after": "Mon, 23 Nov 2026 12:02:00 GMT"}, now=wrong) == 120
