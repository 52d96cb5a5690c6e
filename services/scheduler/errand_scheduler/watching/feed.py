"""The newest of what happens to one user's tasks, in memory, shared by everyone who watches them."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from errand.v1.event_pb2 import Delta
from errand.v1.task_service_pb2 import WatchEventsResponse
from errand_scheduler.watching import encoding
from errand_scheduler.watching.cadence import Cadence
from errand_scheduler.watching.open_blocks import Covered

PAUSE_S = 0.1
"""Between two messages to a watcher that keeps up, at least: messages cost, not events (ARCHITECTURE.md, Bounds)."""

SPARE = 30
"""So many come without the pause after a calm of as many pauses: who watches one task waits for nothing."""

MESSAGE_BYTES = 128 * 1024
"""Of events in one message, or one event if that is longer. gRPC holds one for each watcher that does not read, and
copies it: this bounds what many of them cost."""

DELTA_BYTES = 64 * 1024
"""Of deltas in one message: what a watcher that does not keep up may have waiting (ARCHITECTURE.md, Bounds)."""

ALL_BYTES = 8 * 1024 * 1024
"""Of all feeds together."""

KEPT_S = 2.0
"""How long watchers find a thing here; who comes later reads the database."""

_FEED_DELTA_BYTES = 4 * DELTA_BYTES


@dataclass(frozen=True)
class Place:
    """Where a watcher stands: everything up to this event, and up to this delta, was sent or is not for it."""

    event_id: int
    delta_number: int


@dataclass(frozen=True)
class Piece:
    """What comes next for a watcher, none if nothing does. `more` than one message holds may be there."""

    response: WatchEventsResponse | None
    place: Place
    more: bool


@dataclass(slots=True)
class _Stored:
    event_id: int
    task_id: str
    encoded: bytes
    since_s: float


@dataclass(slots=True)
class _Passing:
    """A delta that came when `after_event` had happened: it is sent after that."""

    number: int
    delta: Delta
    size_bytes: int
    after_event: int
    since_s: float


@dataclass
class Budget:
    """What all feeds together hold."""

    used_bytes: int = 0


class Feed:
    """What is new becomes visible to all watchers at the same moments, at once where little happened before: those
    who keep up are sent the very same messages.

    `floor` is the newest event that is not here: every visible one of the user after it is.
    """

    def __init__(self, budget: Budget, *, floor: int, on_flush: Callable[[int, Sequence[str]], None]) -> None:
        self._budget = budget
        self._floor = self._newest = self.visible = self._visible_before = floor
        self._newest_delta = self._visible_delta = 0
        self._on_flush = on_flush
        self._events: deque[_Stored] = deque()
        self._of_task: dict[str, deque[_Stored]] = {}
        """The same by task: who watches one does not look through all."""
        self._deltas: deque[_Passing] = deque()
        self._delta_bytes = 0
        self._fresh_tasks: dict[str, None] = {}
        self._shared: dict[tuple[Place, str], Piece] = {}
        self._cadence = Cadence(PAUSE_S, self._flush, spare=SPARE)
        self._expiry = Cadence(KEPT_S, self._expire)

    @property
    def has_deltas(self) -> bool:
        """Whether there is anything that an event could cover."""
        return bool(self._deltas)

    def stored(self, task_id: str, encoded: Sequence[tuple[int, bytes]]) -> None:
        """Events of a task were committed: their numbers, rising, and what stands for each in a response."""
        now_s = asyncio.get_running_loop().time()
        stored = [_Stored(event_id, task_id, each, now_s) for event_id, each in encoded]
        self._events.extend(stored)
        self._of_task.setdefault(task_id, deque()).extend(stored)
        self._newest = encoded[-1][0]
        self._grown(task_id, sum([len(each) for _, each in encoded]))

    def passing(self, delta: Delta, size_bytes: int) -> None:
        """A piece of something that goes on came."""
        self._newest_delta += 1
        now_s = asyncio.get_running_loop().time()
        self._deltas.append(_Passing(self._newest_delta, delta, size_bytes, self._newest, now_s))
        self._delta_bytes += size_bytes
        while self._delta_bytes > _FEED_DELTA_BYTES:
            self._drop_delta()
        self._grown(delta.task_id, size_bytes)

    def cover(self, task_id: str, covered: Covered) -> None:
        """Pieces that an event covers are not sent any more: the event says it all."""
        kept = [
            each
            for each in self._deltas
            if each.delta.task_id != task_id or (each.delta.subject_id, int(each.delta.kind)) not in covered
        ]
        if len(kept) < len(self._deltas):
            freed = self._delta_bytes - sum(each.size_bytes for each in kept)
            self._deltas = deque(kept)
            self._delta_bytes -= freed
            self._budget.used_bytes -= freed

    def place_after(self, event_id: int) -> Place:
        """The place of somebody who knows everything up to this event, and all that is going on right now."""
        return Place(event_id, self._newest_delta)

    def next(self, place: Place, task_id: str) -> Piece | None:
        """What comes after a place, of one task or of all; none if it lies before what is here."""
        if place.event_id < min(self._floor, self.visible):
            return None
        key = (place, task_id)
        piece = self._shared.get(key)
        if piece is None:
            piece = self._piece(place, task_id)
            if place.event_id >= self._visible_before:
                self._shared[key] = piece
        return piece

    def close(self) -> None:
        """Nobody watches any more."""
        self._cadence.stop()
        self._expiry.stop()
        self._budget.used_bytes -= self._delta_bytes + sum(len(each.encoded) for each in self._events)

    def _piece(self, place: Place, task_id: str) -> Piece:
        deltas, number = self._next_deltas(place, task_id)
        events: list[bytes] = []
        last, room, more = place.event_id, MESSAGE_BYTES, False
        for each in self._after(place.event_id, task_id):
            room -= len(each.encoded)
            if room < 0 and events:
                more = True
                break
            events.append(each.encoded)
            last = each.event_id
        return Piece(_response(events, deltas), Place(last if more else max(last, self.visible), number), more)

    def _after(self, event_id: int, task_id: str) -> Iterator[_Stored]:
        """The visible events after one, of one task or of all. Who asks mostly wants the last few: they are looked for
        from the end."""
        found = []
        for each in reversed(self._of_task.get(task_id, ()) if task_id else self._events):
            if each.event_id <= event_id:
                break
            if each.event_id <= self.visible:
                found.append(each)
        return reversed(found)

    def _next_deltas(self, place: Place, task_id: str) -> tuple[list[Delta], int]:
        """The deltas that may be sent before the events after a place, the newest of them where they are many; and up
        to which number that is settled. Those that came after such an event wait for the next message."""
        taken: list[_Passing] = []
        number, room = place.delta_number, DELTA_BYTES
        for each in self._deltas:
            if each.number > self._visible_delta or each.after_event > place.event_id:
                break
            if each.number > place.delta_number:
                number = each.number
                if task_id in ("", each.delta.task_id):
                    taken.append(each)
        else:
            number = max(number, self._visible_delta)
        first = len(taken)
        while first and (room := room - taken[first - 1].size_bytes) >= 0:
            first -= 1
        return [each.delta for each in taken[first:]], number

    def _grown(self, task_id: str, size_bytes: int) -> None:
        self._fresh_tasks[task_id] = None
        self._budget.used_bytes += size_bytes
        while self._budget.used_bytes > ALL_BYTES and self._deltas:
            self._drop_delta()
        while self._budget.used_bytes > ALL_BYTES and self._events:
            self._drop_event()
        self._cadence.soon()
        self._expiry.soon()

    def _drop_delta(self) -> None:
        dropped = self._deltas.popleft()
        self._delta_bytes -= dropped.size_bytes
        self._budget.used_bytes -= dropped.size_bytes

    def _drop_event(self) -> None:
        dropped = self._events.popleft()
        of_task = self._of_task[dropped.task_id]
        of_task.popleft()
        if not of_task:
            del self._of_task[dropped.task_id]
        self._floor = dropped.event_id
        self._budget.used_bytes -= len(dropped.encoded)

    def _flush(self) -> None:
        before, self._visible_before = self.visible, self.visible
        self.visible, self._visible_delta = self._newest, self._newest_delta
        self._shared.clear()
        fresh, self._fresh_tasks = self._fresh_tasks, {}
        if self._deltas and self._deltas[-1].after_event > before:
            # These wait until the events before them are sent.
            self._fresh_tasks = dict(fresh)
            self._cadence.soon()
        self._on_flush(before, list(fresh))

    def _expire(self) -> None:
        oldest_s = asyncio.get_running_loop().time() - KEPT_S
        self._shared.clear()
        while self._deltas and self._deltas[0].since_s < oldest_s:
            self._drop_delta()
        while self._events and self._events[0].since_s < oldest_s:
            self._drop_event()
        if self._deltas or self._events:
            self._expiry.soon()


def _response(events: Sequence[bytes], deltas: Sequence[Delta]) -> WatchEventsResponse | None:
    if not (events or deltas):
        return None
    response = encoding.response(events)
    response.deltas.extend(deltas)
    return response
