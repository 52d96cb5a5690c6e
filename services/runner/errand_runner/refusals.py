"""What the scheduler says against one attempt's events, and what follows from it for that attempt alone."""

import asyncio
import random
from collections.abc import Callable

import structlog

from errand_runner.backoff import Backoff
from errand_runner.bisection import LIMIT, Strikes
from errand_runner.outbox import Log


class Refusals:
    """One stream's refusals. An attempt whose refusal may pass rests for a while; `on_rested` then sends it again."""

    def __init__(
        self,
        *,
        strikes: Strikes,
        chance: random.Random,
        on_superseded: Callable[[str], None],
        on_blob_missing: Callable[[str], None],
        on_rested: Callable[[], None],
    ) -> None:
        """`strikes` outlives the stream."""
        self._strikes, self._chance = strikes, chance
        self._on_superseded, self._on_blob_missing, self._on_rested = on_superseded, on_blob_missing, on_rested
        self._gaps = Strikes()
        self._backoffs: dict[str, Backoff] = {}
        self._resting: dict[str, asyncio.TimerHandle] = {}

    def rests(self, attempt_id: str) -> bool:
        """Whether nothing of an attempt is to be sent now."""
        return attempt_id in self._resting

    def take(self, log: Log, reason: str, message: str, *, acked_sequence: int | None = None) -> None:
        """What comes after the acknowledged events of `log` was refused; `acked_sequence` is the scheduler's count."""
        match reason:
            case "LEASE_SUPERSEDED":
                self._on_superseded(log.attempt_id)
                self._rest(log.attempt_id)
            case "EVENT_GAP":
                self._fill_gap(log, log.acked_sequence if acked_sequence is None else acked_sequence)
            case "UNAVAILABLE" | "EXHAUSTED":
                self._rest(log.attempt_id)
            case "INTERNAL" | "BLOB_MISSING":
                self._strike(log, reason, message)
            case _:
                self._refuse(log, reason, message)

    def passed(self, attempt_id: str) -> None:
        """Events of the attempt were taken."""
        self._backoffs.pop(attempt_id, None)

    def close(self) -> None:
        """The stream is over."""
        for handle in self._resting.values():
            handle.cancel()

    def _fill_gap(self, log: Log, acked_sequence: int) -> None:
        if acked_sequence < log.acked_sequence:
            self._refuse(log, "EVENT_GAP", "it no longer has events that it acknowledged")
        elif self._gaps.add(log.attempt_id, log.acked_sequence + 1) > LIMIT:
            # It was sent from the right one long since; whatever that scheduler does, do not ask it without a pause.
            self._rest(log.attempt_id)

    def _strike(self, log: Log, reason: str, message: str) -> None:
        """What may be the event's own fault is tried again a few times."""
        if self.rests(log.attempt_id):
            return  # of the same try: several batches were under way
        if self._strikes.add(log.attempt_id, log.acked_sequence + 1) >= LIMIT:
            self._refuse(log, reason, message)
            return
        structlog.get_logger().warning("events_put_off", attempt_id=log.attempt_id, reason=reason)
        if reason == "BLOB_MISSING":
            self._on_blob_missing(log.attempt_id)
        self._rest(log.attempt_id)

    def _rest(self, attempt_id: str) -> None:
        if not self.rests(attempt_id):
            backoff = self._backoffs.setdefault(attempt_id, Backoff(self._chance))
            loop = asyncio.get_running_loop()
            self._resting[attempt_id] = loop.call_later(backoff.next_s(), self._rested, attempt_id)

    def _rested(self, attempt_id: str) -> None:
        del self._resting[attempt_id]
        self._on_rested()

    def _refuse(self, log: Log, reason: str, message: str) -> None:
        self._strikes.drop(log.attempt_id)
        structlog.get_logger().error("events_refused", attempt_id=log.attempt_id, reason=reason)
        log.refuse(message)
