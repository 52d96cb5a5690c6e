"""Planted in what becomes of content that is long, or that nobody can take."""

from typing import Any

from errand_common.errors import ErrandError
from errand_runner.bisection import Suspicion
from errand_runner.events import EventStream
from errand_runner.outbox import Log
from errand_runner.outbox.budget import Share
from errand_runner.refusals import Refusals
from errand_runner.uploads import Uploads
from tests.sim.planted.planting import Undo, bug, put


@bug
def _poison_takes_its_neighbours_down() -> Undo:
    """Whoever was on its way when the stream broke is blamed."""

    def blame_all(self: EventStream, error: ErrandError) -> None:
        for attempt_id in self._batches.in_flight():
            self._outbox.logs[attempt_id].refuse(error.message)

    return put(EventStream, _look_for_culprit=blame_all)


@bug
def _poison_is_sent_for_ever() -> Undo:
    return put(Suspicion, note_break=lambda self, in_flight: None)


@bug
def _what_breaks_the_store_is_sent_for_ever() -> Undo:
    def strike(self: Refusals, log: Log, reason: str, message: str) -> None:
        self._rest(log.attempt_id)

    return put(Refusals, _strike=strike)


@bug
def _long_content_counts_as_put() -> Undo:
    async def see_to(self: Uploads, key: Any, blob: Any) -> None:
        self._stored[key] = None

    return put(Uploads, _see_to=see_to)


@bug
def _room_in_the_outbox_is_never_given_back() -> Undo:
    def give_back(self: Share, size_bytes: int) -> None:
        self._budget.freed.set()

    return put(Share, give_back=give_back)


@bug
def _who_waits_for_room_is_not_woken() -> Undo:
    def give_back(self: Share, size_bytes: int) -> None:
        self._used_bytes -= size_bytes
        self._budget.used_bytes -= size_bytes

    return put(Share, give_back=give_back)
