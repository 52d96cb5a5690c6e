"""Runner sessions: which runners are here, what they can take, and the wake-up of their assignment streams."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from errand_common.clock import Clock
from errand_common.errors import Conflict, Unavailable
from errand_common.ids import Ids
from errand_common.protocol import BEFORE_NUMBERS
from errand_common.values import AttemptPhase
from errand_scheduler.durations import Durations
from errand_scheduler.hosts_told import HostTold
from errand_scheduler.modes import Modes
from errand_scheduler.placing import seats
from errand_scheduler.placing.illness import Illness
from errand_scheduler.placing.resting import Resting
from errand_scheduler.placing.seats import Seat
from errand_scheduler.skew import Skew
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.runners import Runner
from errand_scheduler.takeovers import Quarantine, Takeovers
from errand_scheduler.tellers import Tellers

log = structlog.get_logger()

_NONCES = 32  # remembered of each runner: what an earlier process sent may still come late


@dataclass(frozen=True)
class Arrival:
    """A process that says it is this runner, and what it brings."""

    runner_id: str
    name: str
    nonce: str
    slots: int
    labels: Mapping[str, str] = field(default_factory=dict)
    protocol: int = BEFORE_NUMBERS.newest
    features: frozenset[str] = frozenset()


@dataclass
class RunnerSession:
    """One runner's session, owned by `RunnerSessions`. `superseded` and `stopping` say that its streams must end;
    `settled`, that what the runner has was judged; `known`, that it was so once. `moved` names the attempts of which
    there may be something to tell, `renewed` those that are to be told anew whatever was told. `heard_time` is
    `heard_s` by the wall clock, for people."""

    session_id: str
    arrival: Arrival
    heard_s: float
    heard_time: int = 0
    settled: bool = False
    known: bool = False
    superseded: bool = False
    stopping: bool = False
    watch_number: int = 0
    watches: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    moved: dict[str, None] = field(default_factory=dict)
    renewed: set[str] = field(default_factory=set)
    host: HostTold | None = None

    @property
    def runner_id(self) -> str:
        """Whose it is."""
        return self.arrival.runner_id

    @property
    def lacks_room(self) -> bool:
        """Whether the runner said last that it would begin nothing."""
        return self.host is not None and self.host.report.lacks_room

    @property
    def ready(self) -> bool:
        """Whether offers would reach the runner, and what it has is known."""
        return self.settled and self.watches > 0


class RunnerSessions:
    """The last session of each runner wins. Kept in memory: after a restart every runner opens a new one."""

    def __init__(self, clock: Clock, ids: Ids, durations: Durations) -> None:
        self._clock = clock
        self._ids = ids
        self._durations = durations
        self._sessions: dict[str, RunnerSession] = {}
        self._nonces: dict[str, deque[str]] = {}
        self._takeovers = Takeovers(clock, durations)
        self._illness = Illness(clock, durations)
        self._resting = Resting(clock, durations)
        self.modes = Modes(clock)
        self.tellers = Tellers()
        self.skew = Skew()
        self.stopped = asyncio.Event()

    def restore(self, known: Iterable[Runner]) -> None:
        """Go on with the quarantines and modes of an earlier process."""
        known = list(known)
        self.modes.restore(known)
        for runner in known:
            if runner.quarantined_time is not None:
                self._takeovers.restore(runner.runner_id, runner.quarantined_time)

    def judge(self, runner_id: str, nonce: str) -> Quarantine | None:
        """Whether the process may not open a session, now that it asks. Counted is one that was replaced and is back:
        what restarts is new each time, while two that live take the place from each other."""
        if quarantine := self._takeovers.quarantine(runner_id):
            return quarantine
        session = self._sessions.get(runner_id)
        is_back = session is not None and session.arrival.nonce != nonce and nonce in self._nonces.get(runner_id, ())
        return self._takeovers.note(runner_id) if is_back else None

    def open(self, arrival: Arrival) -> tuple[RunnerSession, bool]:
        """The runner's session, and whether a process opened it that was not there before: to be settled next. One that
        was there before and comes back after another has a session that is not `known`."""
        fresh = arrival.nonce not in self._nonces.get(arrival.runner_id, ())
        session = self._sessions.get(arrival.runner_id)
        if session is None or session.arrival.nonce != arrival.nonce:
            if session is not None:
                session.superseded = True
                session.changed.set()
            session = RunnerSession(session_id=self._ids.new("ses"), arrival=arrival, heard_s=0.0)
            self._sessions[arrival.runner_id] = session
        session.arrival = arrival
        session.settled = False
        self._hear(session)
        return session, fresh

    def settle(self, session: RunnerSession) -> None:
        """What the runner has is judged, and that is committed."""
        session.settled = session.known = True
        nonces = self._nonces.setdefault(session.runner_id, deque(maxlen=_NONCES))
        if session.arrival.nonce not in nonces:
            nonces.append(session.arrival.nonce)

    def current(self, runner_id: str, session_id: str) -> RunnerSession:
        """The runner's session. Raises Conflict SESSION_SUPERSEDED where it is not the one named, Unavailable at a
        stop."""
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
        self._hear(session)
        return was_silent

    def end(self, runner_id: str) -> None:
        """End the runner's session, with its streams: its credential is not good any more."""
        self.skew.forget(runner_id)
        if session := self._sessions.pop(runner_id, None):
            session.superseded = True
            session.changed.set()

    def of(self, runner_id: str) -> RunnerSession | None:
        """The runner's last session with this process of the scheduler."""
        return self._sessions.get(runner_id)

    def moved(self, attempt: Attempt, old_phase: AttemptPhase | None) -> bool:
        """Follow a move of an attempt; returns whether its runner fell ill with it."""
        if old_phase is None or attempt.phase is AttemptPhase.STOPPING or attempt.phase.final:
            self.wake(attempt.runner_id, attempt.attempt_id)
        if attempt.phase.final:
            self.tellers.over(attempt.attempt_id)
        if self._resting.note(attempt, old_phase, present=self._present):
            log.error("runner_rests", runner_id=attempt.runner_id)
        return self._illness.note(attempt, old_phase)

    def seats(self, live: Iterable[Attempt]) -> list[Seat]:
        """Every runner that opened a session, with what it has free and what keeps it from work."""
        used = Counter(attempt.runner_id for attempt in live)
        return [self._seat(session, used[session.runner_id]) for session in self._sessions.values()]

    def condition(self, runner_id: str) -> str:
        """What keeps a runner from work altogether, in the words of a seat; empty where nothing does."""
        if self._takeovers.quarantine(runner_id):
            return seats.QUARANTINED
        if out_of_service := self.modes.condition(runner_id):
            return out_of_service
        session = self._sessions.get(runner_id)
        if session is None:
            return seats.NOT_CONNECTED
        if not session.ready:
            return seats.NOT_CONNECTED if session.settled and session.watch_number else seats.CONNECTING
        if self._silent(session):
            return seats.SILENT
        if session.lacks_room:
            return seats.LACKS_ROOM
        if self._illness.ill(session.runner_id):
            return seats.ILL
        return seats.RESTING if self._resting.rests(session.runner_id) else ""

    def wake(self, runner_id: str, attempt_id: str) -> None:
        """Have the runner's assignment stream look at an attempt again."""
        if session := self._sessions.get(runner_id):
            session.moved[attempt_id] = None
            session.changed.set()

    def renew(self, runner_id: str, attempt_id: str) -> None:
        """Have the runner told of an attempt anew: what it goes by has changed."""
        if session := self._sessions.get(runner_id):
            session.renewed.add(attempt_id)
            self.wake(runner_id, attempt_id)

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

    def _seat(self, session: RunnerSession, used: int) -> Seat:
        arrival = session.arrival
        return Seat(
            runner_id=arrival.runner_id,
            name=arrival.name,
            slots=arrival.slots,
            free=arrival.slots - used,
            labels=tuple(sorted(arrival.labels.items())),
            condition=self.condition(session.runner_id),
            let_pass=self._resting.tasks(session.runner_id),
        )

    def _present(self, runner_id: str) -> bool:
        """Whether the runner could have taken an offer."""
        session = self._sessions.get(runner_id)
        return session is not None and not self.condition(runner_id)

    def _hear(self, session: RunnerSession) -> None:
        session.heard_s, session.heard_time = self._clock.boot_s(), self._clock.now_us()

    def _silent(self, session: RunnerSession) -> bool:
        return self._clock.boot_s() - session.heard_s > self._durations.silent_s
