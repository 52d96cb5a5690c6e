"""How many calls a credential may make: a bucket for each, which fills at a steady rate."""

from dataclasses import dataclass
from datetime import timedelta

from errand_common.clock import Clock
from errand_common.errors import Exhausted
from errand_scheduler.access.callers import Caller

BURST_S = 20.0
"""A bucket holds what comes into it in so long: a page that opens, a script that begins."""
_MOST = 10_000  # buckets kept; more credentials than that call within BURST_S nowhere


@dataclass
class _Bucket:
    """`calls` are what was left at `at_s`."""

    calls: float
    at_s: float


class Rates:
    """Of people, programs and gateways. What runners call has a pace of its own, which the scheduler sets."""

    def __init__(self, clock: Clock, *, per_second: float) -> None:
        """`per_second` is what a credential may call over a while; 0: any number."""
        self._clock = clock
        self._per_second = per_second
        self._most = per_second * BURST_S
        self._buckets: dict[str, _Bucket] = {}

    def take(self, caller: Caller) -> None:
        """Count a call. Raises Exhausted, with the time until the next is taken."""
        if not self._per_second or caller.runner_id is not None:
            return
        now_s = self._clock.boot_s()
        bucket = self._bucket(caller.credential_id, now_s)
        bucket.calls = min(self._most, bucket.calls + (now_s - bucket.at_s) * self._per_second)
        bucket.at_s = now_s
        if bucket.calls < 1:
            raise Exhausted(
                f"{caller.token_name or caller.name} calls more than {self._per_second:g} times a second; slow down",
                retry_after=timedelta(seconds=(1 - bucket.calls) / self._per_second),
            )
        bucket.calls -= 1

    def _bucket(self, credential_id: str, now_s: float) -> _Bucket:
        known = self._buckets.get(credential_id)
        if known is not None:
            return known
        if len(self._buckets) >= _MOST:
            # Those that did not call for that long are full again, as a new one is.
            self._buckets = {key: each for key, each in self._buckets.items() if now_s - each.at_s < BURST_S}
        new = self._buckets[credential_id] = _Bucket(calls=self._most, at_s=now_s)
        return new
