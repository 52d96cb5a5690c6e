"""What waits for the writer's thread: an urgent lane that goes ahead of the ordinary one."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from errand_common.errors import Exhausted, Unavailable
from errand_scheduler.store.transaction import Tx

T = TypeVar("T")

QUEUE_BYTES = 32 * 1024 * 1024
"""How much may wait before callers are told to come back (ARCHITECTURE.md, Bounds)."""
URGENT_BYTES = 4 * 1024 * 1024
"""How much that is urgent may wait beside a full queue."""
_GROUP_OPS = 512  # bounds, with the bytes, how long the first caller of a group waits for the last
_GROUP_BYTES = 4 * 1024 * 1024
_COME_BACK = timedelta(seconds=1)


@dataclass(frozen=True)
class Op(Generic[T]):
    """An operation that waits. `context` is its caller's."""

    fn: Callable[[Tx], T]
    future: "asyncio.Future[T]"
    weight_bytes: int
    urgent: bool
    context: Context


class Lanes:
    """Shared by the loop, which puts, and the writer's thread, which takes."""

    def __init__(self) -> None:
        self._urgent: deque[Op[object]] = deque()
        self._ordinary: deque[Op[object]] = deque()
        self._queued_bytes = 0
        self._changed = threading.Condition()
        self._closed = False

    @property
    def load(self) -> float:
        """How full the queue is: 0.0 to 1.0."""
        return min(1.0, self._queued_bytes / QUEUE_BYTES)

    def put(self, op: Op[T]) -> None:
        """Queue an operation, for whoever takes next; `wake` has one who waits look. Raises Unavailable once closed,
        Exhausted when too much waits."""
        with self._changed:
            if self._closed:
                raise Unavailable("the scheduler is stopping; try again")
            most_bytes = QUEUE_BYTES + URGENT_BYTES if op.urgent else QUEUE_BYTES
            if self._queued_bytes + op.weight_bytes > most_bytes:
                raise Exhausted("too much waits to be written; come back", retry_after=_COME_BACK)
            self._queued_bytes += op.weight_bytes
            lane = self._urgent if op.urgent else self._ordinary
            lane.append(op)  # type: ignore[arg-type]  # a queue of operations of every result

    def wake(self) -> None:
        """There is something to take."""
        with self._changed:
            self._changed.notify()

    def take(self, *, within_s: float | None = None) -> list[Op[object]] | None:
        """The next group, what is urgent first. Waits for work: empty once closed and drained, none when the time is
        over without any."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._urgent or self._ordinary or self._closed, within_s):
                return None
            return self._group()

    def close(self) -> None:
        """Take in no more; what waits is still handed out."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _group(self) -> list[Op[object]]:
        group: list[Op[object]] = []
        size_bytes = 0
        while len(group) < _GROUP_OPS and (lane := self._urgent or self._ordinary):
            if group and size_bytes + lane[0].weight_bytes > _GROUP_BYTES:
                break
            group.append(lane.popleft())
            size_bytes += group[-1].weight_bytes
        self._queued_bytes -= size_bytes
        return group
