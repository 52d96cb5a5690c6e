"""Runner sessions: which runners are here, what they can take, and the wake-up of their assignment streams."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from errand_common.clock import Clock
from errand_common.errors import Conflict, Unavailable
from errand_common.ids import Ids
from errand_scheduler.durations import Durations
from errand_scheduler.placement import Seat
from errand_scheduler.store.attempts import Attempt


@dataclass
class RunnerSession:
    """One runner's session, owned by `RunnerSessions`. `superseded` and `stopping` say that its streams must end."""

    session_id: str
    runner_id: str
    nonce: str
    slots: int
    heard_s: float
    superseded: bool = False
    stopping: bool = False
    watch_number: int = 0
    watches: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def watching(self) -> bool:
        """Whether offers would reach the runner."""
        return self.watches > 0


class RunnerSessions:
    """The last session of each runner wins. Kept in memory: after a restart every runner opens a new one."""

    def __init__(self, clock: Clock, ids: Ids, durations: Durations) -> None:
        self._clock = clock
        self._ids = ids
        self._durations = durations
        self._sessions: dict[str, RunnerSession] = {}
        self._nonces: set[tuple[str, str]] = set()
        self.stopped = asyncio.Event()

    def open(self, runner_id: str, *, nonce: str, slots: int) -> tuple[RunnerSession, bool]:
        """The runner's session, and whether a process that was never seen before opened it."""
        fresh = (runner_id, nonce) not in self._nonces
        self._nonces.add((runner_id, nonce))
        session = self._sessions.get(runner_id)
        if session is None or session.nonce != nonce:
            if session is not None:
                session.superseded = True
                session.changed.set()
            session = RunnerSession(
                session_id=self._ids.new("ses"), runner_id=runner_id, nonce=nonce, slots=slots, heard_s=0.0
            )
            self._sessions[runner_id] = session
        session.slots = slots
        session.heard_s = self._clock.boot_s()
        return session, fresh

    def current(self, runner_id: str, session_id: str) -> RunnerSession:
        """The runner's session. Raises Conflict SESSION_SUPERSEDED if it is not the one named."""
        if self.stopped.is_set():
            raise Unavailable("the scheduler is stopping; come back")
        session = self._sessions.get(runner_id)
        if session is None or session.session_id != session_id:
            raise Conflict(
                f"session {session_id or '(none)'} is not this runner's session; open a new one",
                reason="SESSION_SUPERSEDED",
            )
        return session

    def heard(self, session: RunnerSession) -> bool:
        """Note a sign of life; returns whether the runner had fallen silent."""
        was_silent = self._silent(session)
        session.heard_s = self._clock.boot_s()
        return was_silent

    def seats(self, live: Iterable[Attempt]) -> list[Seat]:
        """The runners that can be offered work, with what they have free."""
        used = Counter(attempt.runner_id for attempt in live)
        return [
            Seat(runner_id=session.runner_id, free=session.slots - used[session.runner_id])
            for session in self._sessions.values()
            if session.watching and not self._silent(session)
        ]

    def wake(self, runner_id: str) -> None:
        """Have the runner's assignment stream look again."""
        if session := self._sessions.get(runner_id):
            session.changed.set()

    @contextmanager
    def watched(self, session: RunnerSession) -> Iterator[None]:
        """While a stream of assignments is open."""
        session.watches += 1
        try:
            yield
        finally:
            session.watches -= 1

    def stop(self) -> None:
        """End every stream: the scheduler stops."""
        self.stopped.set()
        for session in self._sessions.values():
            session.stopping = True
            session.changed.set()

    def _silent(self, session: RunnerSession) -> bool:
        return self._clock.boot_s() - session.heard_s > self._durations.silent_s
