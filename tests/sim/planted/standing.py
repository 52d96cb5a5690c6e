"""Planted in what the scheduler knows in memory: who holds what, who is here, what is late."""

import asyncio
from typing import Any

from errand_common.values import AttemptPhase
from errand_runner.lease import Leases
from errand_runner.session import Sessions
from errand_scheduler.board import Board
from errand_scheduler.durations import Durations
from errand_scheduler.placing import placement
from errand_scheduler.placing.resting import Resting
from errand_scheduler.runners import RunnerSessions
from errand_scheduler.store import committer
from errand_scheduler.store.appends import Appends
from errand_scheduler.store.group import DiskBroken, Outcome
from errand_scheduler.store.transaction import Tx
from errand_scheduler.sweeper import Sweeper
from tests.sim.planted.planting import Undo, all_of, bug, put

# Also what a module only imports is its own to look up.
_COMMITTER: Any = committer
_PLACEMENT: Any = placement


@bug
def _restart_forgets_who_holds_what() -> Undo:
    """Slots count as free again, so that they are offered twice."""
    real = Board.restore
    return put(Board, restore=lambda self, live, clocked: real(self, [], clocked))


@bug
def _stop_forgotten_at_restart() -> Undo:
    real = Board.restore

    def restore(self: Board, live: Any, clocked: Any) -> None:
        real(self, [each for each in live if each.phase is not AttemptPhase.STOPPING], clocked)

    return put(Board, restore=restore)


@bug
def _superseded_session_still_served() -> Undo:
    real = RunnerSessions.current

    def current(self: RunnerSessions, runner_id: str, session_id: str) -> Any:
        session = self._sessions.get(runner_id)
        return real(self, runner_id, session_id) if session is None else session

    def keep(self: Sessions) -> Any:
        return asyncio.get_running_loop().create_future()

    sessions, runner = put(RunnerSessions, current=current), put(Sessions, _until_superseded=keep)
    return all_of(sessions, runner)


@bug
def _runner_not_woken() -> Undo:
    return put(RunnerSessions, wake=lambda self, *_, **__: None)


@bug
def _more_offers_than_slots() -> Undo:
    real = RunnerSessions.seats
    return put(RunnerSessions, seats=lambda self, live: real(self, []))


@bug
def _stop_waits_for_the_disk() -> Undo:
    real = Sweeper.sweep

    async def sweep(self: Sweeper) -> None:
        if not self._writer.degraded:
            await real(self)

    return put(Sweeper, sweep=sweep)


@bug
def _offered_again_to_who_let_it_pass() -> Undo:
    """Nobody remembers who lets offers pass."""
    return put(Resting, note=lambda self, *_, **__: False)


@bug
def _lost_before_it_freezes() -> Undo:
    return put(Durations, lost_s=property(lambda self: 20 * self.beat_s))


@bug
def _freezes_never() -> Undo:
    return put(Leases, holds=lambda self, attempt_id: True, left_s=lambda self, attempt_id: 1e9)


@bug
def _labels_do_not_matter() -> Undo:
    real = _PLACEMENT.obstacle
    return put(placement, obstacle=lambda seat, wanted: real(seat, ()))


@bug
def _broken_disk_is_not_noticed() -> Undo:
    """What could not be committed is answered as if it were."""
    real = _COMMITTER.commit_group

    def commit_group(connection: Any, fns: Any, now: Any) -> Any:
        outcomes = real(connection, fns, now)
        if not any(isinstance(each.error, DiskBroken) for each in outcomes):
            return outcomes
        connection.execute("BEGIN")
        answered = [Outcome(fn(Tx(connection, now, Appends(connection)))) for fn in fns]
        connection.execute("ROLLBACK")
        return answered

    return put(committer, commit_group=commit_group)
