"""Counted as it happens. Each name, with its meaning and what to do about it, is in docs/operations.md."""

from prometheus_client import Counter, Histogram

_STEP_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600)

STEP_S = Histogram("errand_step_seconds", "Steps of getting started that ended well", ["step"], buckets=_STEP_S)
DELAYS = Counter("errand_model_delays", "Times that Claude's service had to be asked again after a while")
FROZEN = Counter("errand_frozen_attempts", "Times that an attempt was paused, by what kept its runner from work")
REPLACED = Counter("errand_replaced_sandboxes", "Sandboxes that died under an attempt and were replaced")
