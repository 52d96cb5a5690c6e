"""The live attempts as memory knows them: who holds which, and when each was last heard of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

from errand_common.clock import Clock
from errand_common.values import AttemptPhase
from errand_scheduler.durations import Durations
from errand_scheduler.lifecycle.decisions import Held, holds, on_held
from errand_scheduler.lifecycle.turns import Holder
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.clocked import Clocked
from errand_scheduler.store.notices import DeadlineSet
from errand_scheduler.timers import TaskTimers


class Due(Enum):
    """What an attempt's clock says."""

    OFFER_EXPIRED = auto()
    AWAY = auto()
    BACK = auto()
    LOST = auto()
    PHASE_OVERDUE = auto()
    STOP_OVERDUE = auto()


@dataclass
class _Entry:
    attempt: Attempt
    renewed_s: float
    armed_s: float
    heard: bool


class Board:
    """Follows what is committed. Leases live here alone: a heartbeat writes nothing."""

    def __init__(self, clock: Clock, durations: Durations) -> None:
        self._clock = clock
        self._durations = durations
        self._entries: dict[str, _Entry] = {}
        self._of_task: dict[str, str] = {}
        self._stopping: dict[str, Attempt] = {}
        self._timers = TaskTimers(clock, durations)

    def restore(self, live: Iterable[Attempt], clocked: Iterable[Clocked]) -> None:
        """Take up the attempts and tasks of an earlier process: each has two leases to be heard of."""
        self._timers.restore(clocked, least_s=2 * self._durations.lease_s)
        now, now_us = self._clock.boot_s(), self._clock.now_us()
        for attempt in live:
            self._note_stopping(attempt)
            left_s = ((attempt.deadline_time or now_us) - now_us) / 1e6
            least_s = 0.0 if attempt.phase is AttemptPhase.OFFERED else 2 * self._durations.lease_s
            self._of_task[attempt.task_id] = attempt.attempt_id
            self._entries[attempt.attempt_id] = _Entry(
                attempt=attempt,
                renewed_s=now + self._durations.lease_s,
                armed_s=now + min(max(left_s, least_s), self._whole_s(attempt.phase)),
                heard=False,
            )

    def forgive(self) -> None:
        """Give every attempt time to be heard of again, after this process itself was away."""
        later = self._clock.boot_s() + self._durations.lease_s
        for entry in self._entries.values():
            entry.renewed_s = later
            entry.heard = False
            entry.armed_s = max(entry.armed_s, later)
        self._timers.forgive(later)

    def follow(self, notice: DeadlineSet) -> None:
        """Follow a task's deadline that was committed."""
        self._timers.follow(notice)

    def apply(self, attempt: Attempt) -> None:
        """Follow a move that was committed. Accepting an offer begins its lease."""
        self._note_stopping(attempt)
        if attempt.phase.final:
            self._entries.pop(attempt.attempt_id, None)
            if self._of_task.get(attempt.task_id) == attempt.attempt_id:
                del self._of_task[attempt.task_id]
            return
        self._of_task[attempt.task_id] = attempt.attempt_id
        now = self._clock.boot_s()
        entry = self._entries.get(attempt.attempt_id)
        if entry is None or entry.attempt.phase is AttemptPhase.OFFERED:
            entry = _Entry(attempt, renewed_s=now, armed_s=now + self._whole_s(attempt.phase), heard=True)
            self._entries[attempt.attempt_id] = entry
        elif entry.attempt.phase is not attempt.phase:
            entry.armed_s = now + self._whole_s(attempt.phase)
        entry.attempt = attempt

    def renew(self, holder: Holder) -> Held:
        """Renew a lease and say what the runner should do with the attempt."""
        entry = self._entries.get(holder.attempt_id)
        attempt = entry.attempt if entry else None
        verdict = on_held(attempt, runner_id=holder.runner_id, fence=holder.fence)
        if entry is not None and verdict is not Held.FORGET:
            self._hear(entry)
        return verdict

    def held(self, holder: Holder) -> Attempt | None:
        """The holder's live attempt."""
        entry = self._entries.get(holder.attempt_id)
        if entry is None or not holds(entry.attempt, runner_id=holder.runner_id, fence=holder.fence):
            return None
        return entry.attempt

    def lease_holds(self, attempt_id: str) -> bool:
        """Whether the attempt's runner is to be thought present."""
        entry = self._entries.get(attempt_id)
        return entry is not None and self._silent_s(entry) <= self._durations.lease_s

    def lease_renewed(self, attempt_id: str) -> bool:
        """Whether this process heard of the attempt within its lease: what was only restored does not count."""
        entry = self._entries.get(attempt_id)
        return entry is not None and entry.heard and self._silent_s(entry) <= self._durations.lease_s

    def of_task(self, task_id: str) -> Attempt | None:
        """The task's live attempt."""
        attempt_id = self._of_task.get(task_id)
        return None if attempt_id is None else self._entries[attempt_id].attempt

    def stopping_of(self, runner_id: str) -> list[Attempt]:
        """The runner's attempts that are to end. Cheap: asked for every answer to a runner."""
        return [attempt for attempt in self._stopping.values() if attempt.runner_id == runner_id]

    def attempts(self) -> Iterator[Attempt]:
        """Every live attempt."""
        return (entry.attempt for entry in self._entries.values())

    def silences(self) -> Iterator[tuple[Attempt, float]]:
        """Every attempt that holds a lease, with the seconds since it was heard of."""
        held = (entry for entry in self._entries.values() if entry.attempt.phase is not AttemptPhase.OFFERED)
        return ((entry.attempt, max(self._silent_s(entry), 0.0)) for entry in held)

    def due(self) -> list[tuple[Due, Attempt]]:
        """Every attempt whose time has come, as it stands."""
        found = ((self._due(entry), entry.attempt) for entry in self._entries.values())
        return [(due, attempt) for due, attempt in found if due is not None]

    def due_tasks(self) -> list[Clocked]:
        """Every task without an attempt at work whose time has come."""
        return self._timers.due()

    def _hear(self, entry: _Entry) -> None:
        now = self._clock.boot_s()
        if self._silent_s(entry) > self._durations.lease_s:
            # What it did meanwhile comes after the heartbeat: a phase that it has left long ago is not overdue. Before
            # the lease ends anew it is: one who is heard now and then, and never hears, does not keep it for ever.
            entry.armed_s = max(entry.armed_s, now + self._durations.lease_s / 2)
        entry.renewed_s = now
        entry.heard = True

    def _note_stopping(self, attempt: Attempt) -> None:
        if attempt.phase is AttemptPhase.STOPPING:
            self._stopping[attempt.attempt_id] = attempt
        else:
            self._stopping.pop(attempt.attempt_id, None)

    def _due(self, entry: _Entry) -> Due | None:
        silent_s, now = self._silent_s(entry), self._clock.boot_s()
        lapsed = silent_s > self._durations.lease_s
        match entry.attempt.phase:
            case AttemptPhase.OFFERED:
                return Due.OFFER_EXPIRED if now >= entry.armed_s else None
            case AttemptPhase.STOPPING:
                return Due.STOP_OVERDUE if lapsed or now >= entry.armed_s else None
        if silent_s > self._durations.lost_s:
            return Due.LOST
        if lapsed != entry.attempt.disconnected:
            return Due.AWAY if lapsed else Due.BACK
        return Due.PHASE_OVERDUE if now >= entry.armed_s and not lapsed else None

    def _silent_s(self, entry: _Entry) -> float:
        return self._clock.boot_s() - entry.renewed_s

    def _whole_s(self, phase: AttemptPhase) -> float:
        match phase:
            case AttemptPhase.OFFERED:
                return self._durations.offer_s
            case AttemptPhase.ACCEPTED:
                return self._durations.accepted_s
            case AttemptPhase.STARTING:
                return self._durations.starting_s
            case AttemptPhase.STOPPING:
                return self._durations.stop_s
        return self._durations.running_s
