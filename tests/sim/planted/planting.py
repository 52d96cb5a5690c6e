"""Bugs to plant, one at a time, to see that the simulator finds them: the only place where our own code is patched."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from errand.v1 import dispatch_service_pb2 as pb
from errand_common.values import AttemptPhase, TaskStatus
from errand_runner.batches import Batches
from errand_runner.inputs import Inbox
from errand_runner.lease import Leases
from errand_runner.outbox import Disk
from errand_runner.outbox.log import Log
from errand_runner.session import Sessions
from errand_scheduler.board import Board
from errand_scheduler.durations import Durations
from errand_scheduler.edges import idempotency, incoming
from errand_scheduler.edges import task as task_edge
from errand_scheduler.edges.events import EventsIn
from errand_scheduler.lifecycle import asks, decisions, endings, input_changes, moves, records, turns
from errand_scheduler.lifecycle.decisions import Stop
from errand_scheduler.placing.declines import Declines
from errand_scheduler.runners import RunnerSessions
from errand_scheduler.sweeper import Sweeper
from errand_scheduler.watching.cursors import Cursors
from errand_scheduler.watching.hub import Hub

# Also what a module only imports is its own to look up.
_ASKS: Any = asks
_TURNS: Any = turns
_RECORDS: Any = records
_ENDINGS: Any = endings
Undo = Callable[[], None]
BUGS: dict[str, Callable[[], Undo]] = {}


@contextmanager
def in_place(name: str) -> Iterator[None]:
    """While it lasts, the product has this bug."""
    undo = BUGS[name]()
    try:
        yield
    finally:
        undo()


def _bug(plant: Callable[[], Undo]) -> Callable[[], Undo]:
    BUGS[plant.__name__.removeprefix("_").replace("_", " ")] = plant
    return plant


def _put(owner: Any, **new: Any) -> Undo:
    old = {name: owner.__dict__[name] if isinstance(owner, type) else getattr(owner, name) for name in new}
    for name, value in new.items():
        setattr(owner, name, value)

    def undo() -> None:
        for name, value in old.items():
            setattr(owner, name, value)

    return undo


def _all(*undone: Undo) -> Undo:
    def undo() -> None:
        for each in undone:
            each()

    return undo


@_bug
def _fences_do_not_rise() -> Undo:
    return _put(turns, next_fence=lambda last, generation: max(1, 1000 - last))


@_bug
def _ack_before_commit() -> Undo:
    async def store(self: Any, batch: pb.AttemptBatch, session: Any) -> pb.AttemptAck:
        holder, events = incoming.holder(batch.attempt, session.runner_id), incoming.events(batch)
        writing = self._writer.write(lambda tx: records.store_events(tx, holder, events, self._durations))
        asyncio.ensure_future(writing).add_done_callback(lambda done: done.cancelled() or done.exception())
        return pb.AttemptAck(attempt_id=holder.attempt_id, acked_sequence=events[-1].sequence)

    return _put(EventsIn, _store=store)


@_bug
def _lost_cancel() -> Undo:
    real = _ASKS.on_stop

    def on_stop(status: Any, attempt: Any, *, runner_present: bool) -> Stop:
        decided = real(status, attempt, runner_present=runner_present)
        return Stop.NOTHING if decided is Stop.ASK_RUNNER else decided

    return _put(asks, on_stop=on_stop)


@_bug
def _stop_completes_after_all() -> Undo:
    """The runner's success counts, though a person had stopped it meanwhile."""
    real = _TURNS.end_both

    def end_both(tx: Any, attempt: Any, phase: Any, *args: Any, **more: Any) -> Any:
        if attempt.phase is AttemptPhase.STOPPING and phase is AttemptPhase.SUCCEEDED:
            attempt = replace(attempt, phase=AttemptPhase.RUNNING, stop_cause=None)
        return real(tx, attempt, phase, *args, **more)

    return _put(turns, end_both=end_both)


@_bug
def _restart_forgets_who_holds_what() -> Undo:
    """Slots count as free again, so that they are offered twice."""
    real = Board.restore
    return _put(Board, restore=lambda self, live, clocked: real(self, [], clocked))


@_bug
def _stop_forgotten_at_restart() -> Undo:
    real = Board.restore

    def restore(self: Board, live: Any, clocked: Any) -> None:
        real(self, [each for each in live if each.phase is not AttemptPhase.STOPPING], clocked)

    return _put(Board, restore=restore)


@_bug
def _cursor_off_by_one() -> Undo:
    real = Cursors.read

    def read(self: Cursors, cursor: str, *, head: int) -> int | None:
        number = real(self, cursor, head=head)
        return min(number + 1, head) if number else number

    return _put(Cursors, read=read)


@_bug
def _cursor_one_too_low() -> Undo:
    real = Cursors.read

    def read(self: Cursors, cursor: str, *, head: int) -> int | None:
        number = real(self, cursor, head=head)
        return number - 1 if number else number

    return _put(Cursors, read=read)


@_bug
def _outbox_tells_before_the_sync() -> Undo:
    def append(self: Disk, descriptor: int, offset: int, data: bytes) -> None:
        os.pwrite(descriptor, data, offset)

    return _put(Disk, append=append)


@_bug
def _gap_accepted() -> Undo:
    """Both ends trust that nothing is missing: the one forgets to send again, the other to look."""
    real = records.store_events

    def store_events(tx: Any, holder: Any, batch: Any, durations: Any) -> int:
        acked = _RECORDS.load(tx, holder).acked_sequence
        new = [event for event in batch if event.sequence > acked]
        if new and new[0].sequence > acked + 1:
            _RECORDS.attempts.set_acked(tx, holder.attempt_id, new[0].sequence - 1)
        return real(tx, holder, batch, durations)

    def skip(self: Batches, log: Log) -> None:
        self._sent[log.attempt_id] = log.acked_sequence + 1

    edge, runner = _put(records, store_events=store_events), _put(Batches, rewind=skip)
    first = _skipping_first()
    return _all(edge, runner, first)


def _skipping_first() -> Undo:
    real = Batches._unsent

    def unsent(self: Batches, log: Log, last: int, *, limit_bytes: int) -> Any:
        found = real(self, log, last, limit_bytes=limit_bytes)
        return found[1:] if len(found) > 2 else found

    return _put(Batches, _unsent=unsent)


@_bug
def _overlap_stored_twice() -> Undo:
    """What was stored and comes again is stored again."""
    real = _RECORDS.events.append_all

    def store_events(tx: Any, holder: Any, batch: Any, durations: Any) -> int:
        attempt = _RECORDS.load(tx, holder)
        again = [event for event in batch if event.sequence <= attempt.acked_sequence]
        if again and not attempt.phase.final:
            real(tx, attempt, again)
        return stored(tx, holder, batch, durations)

    stored = records.store_events
    return _put(records, store_events=store_events)


@_bug
def _finish_before_the_last_event() -> Undo:
    async def drained(self: Log) -> None:
        """At once."""

    real = turns.finish

    def finish(tx: Any, holder: Any, end: Any, durations: Any) -> None:
        real(tx, holder, replace(end, last_sequence=0), durations)

    log, edge = _put(Log, drained=drained), _put(turns, finish=finish)
    return _all(log, edge)


@_bug
def _no_fence_check() -> Undo:
    """Whoever once held an attempt may still write to it."""
    real = _RECORDS.load

    def load(tx: Any, holder: Any) -> Any:
        attempt = real(tx, holder)
        return replace(attempt, phase=AttemptPhase.RUNNING) if attempt.phase.final else attempt

    return _put(records, load=load)


@_bug
def _superseded_session_still_served() -> Undo:
    real = RunnerSessions.current

    def current(self: RunnerSessions, runner_id: str, session_id: str) -> Any:
        session = self._sessions.get(runner_id)
        return real(self, runner_id, session_id) if session is None else session

    def keep(self: Sessions) -> Any:
        return asyncio.get_running_loop().create_future()

    sessions, runner = _put(RunnerSessions, current=current), _put(Sessions, _until_superseded=keep)
    return _all(sessions, runner)


@_bug
def _runner_not_woken() -> Undo:
    return _put(RunnerSessions, wake=lambda self, *_, **__: None)


@_bug
def _watcher_not_woken() -> Undo:
    return _put(Hub, stored=lambda self, *_, **__: None)


@_bug
def _inputs_taken_twice() -> Undo:
    return _put(Inbox, _take=lambda self, chosen: chosen)


@_bug
def _freezes_never() -> Undo:
    return _put(Leases, holds=lambda self, attempt_id: True, left_s=lambda self, attempt_id: 1e9)


@_bug
def _lost_before_it_freezes() -> Undo:
    return _put(Durations, lost_s=property(lambda self: 20 * self.beat_s))


@_bug
def _retries_uncapped() -> Undo:
    return _put(decisions, MOST_RETRIES=10**6)


@_bug
def _more_offers_than_slots() -> Undo:
    real = RunnerSessions.seats
    return _put(RunnerSessions, seats=lambda self, live: real(self, []))


@_bug
def _request_done_twice() -> Undo:
    def once(tx: Any, request: Any, *, do: Any, again: Any, id_of: Any) -> Any:
        return do()

    undone = [_put(module, once=once) for module in (idempotency, task_edge) if hasattr(module, "once")]
    return _all(*undone)


@_bug
def _final_state_left_by_itself() -> Undo:
    """A task that a person stopped goes on when its runner says so."""
    real_close = _ASKS.close_task

    def queue(tx: Any, task: Any, status: Any, *args: Any, **more: Any) -> Any:
        closed = real_close(tx, task, status, *args, **more)
        if status is TaskStatus.CANCELLED:
            return moves.queue_task(tx, closed, Durations(5.0))
        return closed

    return _put(asks, close_task=queue)


@_bug
def _late_input_left_lying() -> Undo:
    """What comes while an attempt works that took nothing up itself stays unread."""
    real = _ENDINGS.after_end

    def after_end(task: Any, before: Any, ended: Any, left: Any) -> Any:
        return real(task, before, ended, replace(left, newer_wait=False))

    return _put(endings, after_end=after_end)


@_bug
def _taken_back_and_done_all_the_same() -> Undo:
    """A stopped task goes on for an input that was removed."""
    return _put(input_changes, undo_revival=lambda tx, task: None)


@_bug
def _wait_never_ends() -> Undo:
    return _put(records, end_wait=lambda *_, **__: None)


@_bug
def _stop_waits_for_the_disk() -> Undo:
    real = Sweeper.sweep

    async def sweep(self: Sweeper) -> None:
        if not self._writer.degraded:
            await real(self)

    return _put(Sweeper, sweep=sweep)


@_bug
def _offered_again_to_who_let_it_pass() -> Undo:
    """Nobody remembers who lets offers pass."""
    return _put(Declines, note=lambda self, *_, **__: False)
