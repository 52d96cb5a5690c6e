"""Counted as it happens. Each name, with its meaning and what to do about it, is in docs/operations.md."""

from prometheus_client import Counter, Histogram

from errand_scheduler.store.usage import Usage

_START_S = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600)
_COMMIT_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2)
_CALL_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)

ATTEMPTS = Counter("errand_attempts", "Attempts that reached a phase", ["phase"])
"""`offered` counts the offers, `accepted` those that were taken, `withdrawn` those that were not."""
FAILURES = Counter("errand_failures", "Attempts that failed or were lost, by why", ["reason"])
PHASE_S = Histogram(
    "errand_phase_seconds",
    "How long tasks were pending, attempts in each phase before work",
    ["phase"],
    buckets=_START_S,
)
GROUP = Histogram(
    "errand_commit_operations", "Operations that one commit took together", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 512)
)
COMMIT_S = Histogram("errand_commit_seconds", "How long one commit took, its fsync included", buckets=_COMMIT_S)
TOKENS = Counter("errand_tokens", "Tokens that Claude used", ["kind"])
COST = Counter("errand_cost_dollars", "What Claude cost, where the price is known")
REQUESTS = Counter("errand_model_requests", "Requests that Claude answered", ["priced"])
CALLS_S = Histogram(
    "errand_call_seconds", "Unary calls, by how they were answered", ["method", "reason"], buckets=_CALL_S
)
REFUSED = Counter("errand_refused_calls", "Calls that were refused or broke, by reason", ["reason"])


def model_used(usage: Usage, requests: int) -> None:
    """So many requests used so much together."""
    TOKENS.labels("input").inc(usage.input_tokens)
    TOKENS.labels("cache_write").inc(usage.cache_write_tokens)
    TOKENS.labels("cache_read").inc(usage.cache_read_tokens)
    TOKENS.labels("output").inc(usage.output_tokens)
    REQUESTS.labels("no" if usage.cost_nanodollars is None else "yes").inc(requests)
    COST.inc((usage.cost_nanodollars or 0) / 1e9)
