"""Watchers: each is a cursor on the database, woken when there is more to read; only deltas pass through memory."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

DeltaT = TypeVar("DeltaT")

BUFFER_BYTES = 64 * 1024
"""What a slow watcher may have waiting before deltas are dropped (ARCHITECTURE.md, Bounds)."""


class Subscription(Generic[DeltaT]):
    """One watcher of one task, or of all of a user's. `over` and `session_ended` say that its stream must end."""

    def __init__(self, user_id: str, task_id: str, family_id: str | None) -> None:
        self.user_id = user_id
        self.task_id = task_id
        self.family_id = family_id
        self.live = False
        self.over = False
        self.session_ended = False
        self._woken = asyncio.Event()
        self._deltas: deque[tuple[DeltaT, int]] = deque()
        self._buffered_bytes = 0

    async def wait(self) -> None:
        """Return once something happened since the last return."""
        await self._woken.wait()
        self._woken.clear()

    def take_deltas(self) -> list[DeltaT]:
        """The deltas that came since the last call."""
        taken = [delta for delta, _ in self._deltas]
        self._deltas.clear()
        self._buffered_bytes = 0
        return taken

    def pass_on(self, delta: DeltaT, size_bytes: int) -> None:
        """Keep a delta for a watcher that follows live and keeps up; drop it otherwise."""
        if not self.live or self._buffered_bytes + size_bytes > BUFFER_BYTES:
            return
        self._deltas.append((delta, size_bytes))
        self._buffered_bytes += size_bytes
        self._woken.set()

    def wake(self) -> None:
        """Have the watcher look again."""
        self._woken.set()

    def concerns(self, task_id: str) -> bool:
        """Whether it watches this task."""
        return self.task_id in ("", task_id)


class Hub(Generic[DeltaT]):
    """Knows who watches what."""

    def __init__(self) -> None:
        self._by_user: dict[str, set[Subscription[DeltaT]]] = {}
        self._stopping = False

    @contextmanager
    def subscribe(self, *, user_id: str, task_id: str, family_id: str | None) -> Iterator[Subscription[DeltaT]]:
        """A subscription for as long as the context lasts. Subscribe first, then read: nothing falls between."""
        subscription: Subscription[DeltaT] = Subscription(user_id, task_id, family_id)
        subscription.over = self._stopping
        self._by_user.setdefault(user_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            watchers = self._by_user.get(user_id, set())
            watchers.discard(subscription)
            if not watchers:
                self._by_user.pop(user_id, None)

    def stored(self, user_id: str, task_id: str) -> None:
        """Events of the task were committed."""
        for subscription in self._by_user.get(user_id, ()):
            if subscription.concerns(task_id):
                subscription.wake()

    def delta(self, user_id: str, task_id: str, delta: DeltaT, size_bytes: int) -> None:
        """Pass a piece of something going on to whoever keeps up."""
        for subscription in self._by_user.get(user_id, ()):
            if subscription.concerns(task_id):
                subscription.pass_on(delta, size_bytes)

    def end_family(self, family_id: str) -> None:
        """End the watches of a session that is over."""
        for subscription in self._all():
            if subscription.family_id == family_id:
                subscription.session_ended = True
                subscription.wake()

    def stop(self) -> None:
        """End every watch: the scheduler stops."""
        self._stopping = True
        for subscription in self._all():
            subscription.over = True
            subscription.wake()

    def _all(self) -> list[Subscription[DeltaT]]:
        return [subscription for watchers in self._by_user.values() for subscription in watchers]
