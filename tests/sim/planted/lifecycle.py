"""Planted in what moves tasks and attempts."""

from dataclasses import replace
from typing import Any

from errand_common.values import AttemptPhase, TaskStatus
from errand_scheduler.durations import Durations
from errand_scheduler.edges import idempotency
from errand_scheduler.edges import task as task_edge
from errand_scheduler.lifecycle import asks, decisions, endings, input_changes, moves, records, turns
from errand_scheduler.lifecycle.decisions import Stop
from errand_scheduler.store import carried
from errand_scheduler.store.carried import Offerable
from errand_scheduler.store.query import Query
from tests.sim.planted.planting import Undo, all_of, bug, put

# Also what a module only imports is its own to look up.
_ASKS: Any = asks
_TURNS: Any = turns
_RECORDS: Any = records
_ENDINGS: Any = endings


@bug
def _fences_do_not_rise() -> Undo:
    return put(turns, next_fence=lambda last, generation: max(1, 1000 - last))


@bug
def _lost_cancel() -> Undo:
    real = _ASKS.on_stop

    def on_stop(status: Any, attempt: Any, *, runner_present: bool) -> Stop:
        decided = real(status, attempt, runner_present=runner_present)
        return Stop.NOTHING if decided is Stop.ASK_RUNNER else decided

    return put(asks, on_stop=on_stop)


@bug
def _stop_completes_after_all() -> Undo:
    """The runner's success counts, though a person had stopped it meanwhile."""
    real = _TURNS.end_with

    def end_with(tx: Any, task: Any, attempt: Any, phase: Any, *args: Any, **more: Any) -> Any:
        if attempt.phase is AttemptPhase.STOPPING and phase is AttemptPhase.SUCCEEDED:
            attempt = attempt._replace(phase=AttemptPhase.RUNNING, stop_cause=None)
        return real(tx, task, attempt, phase, *args, **more)

    return put(turns, end_with=end_with)


@bug
def _success_without_a_card() -> Undo:
    return put(turns, note_finish=lambda tx, task, attempt, found: None)


@bug
def _no_fence_check() -> Undo:
    """Whoever once held an attempt may still write to it."""
    real = _RECORDS.load

    def load(tx: Any, holder: Any) -> Any:
        attempt = real(tx, holder)
        return attempt._replace(phase=AttemptPhase.RUNNING) if attempt.phase.final else attempt

    return put(records, load=load)


@bug
def _retries_uncapped() -> Undo:
    return put(decisions, MOST_RETRIES=10**6)


@bug
def _final_state_left_by_itself() -> Undo:
    """A task that a person stopped goes on when its runner says so."""
    real_close = _ASKS.close_task

    def queue(tx: Any, task: Any, status: Any, *args: Any, **more: Any) -> Any:
        closed = real_close(tx, task, status, *args, **more)
        if status is TaskStatus.CANCELLED:
            return moves.queue_task(tx, closed, Durations(5.0))
        return closed

    return put(asks, close_task=queue)


@bug
def _late_input_left_lying() -> Undo:
    """What comes while an attempt works that took nothing up itself stays unread."""
    real = _ENDINGS.after_end

    def after_end(task: Any, before: Any, ended: Any, left: Any) -> Any:
        return real(task, before, ended, replace(left, newer_wait=False))

    return put(endings, after_end=after_end)


@bug
def _taken_back_and_done_all_the_same() -> Undo:
    """A stopped task goes on for an input that was removed."""
    return put(input_changes, undo_revival=lambda tx, task: None)


@bug
def _wait_never_ends() -> Undo:
    return put(records, end_wait=lambda *_, **__: None)


@bug
def _request_done_twice() -> Undo:
    def once(tx: Any, request: Any, *, do: Any, again: Any, id_of: Any) -> Any:
        return do()

    undone = [put(module, once=once) for module in (idempotency, task_edge) if hasattr(module, "once")]
    return all_of(*undone)


@bug
def _offers_whatever_the_mode() -> Undo:
    """Placement alone minds the mode of a runner, from memory."""
    offerable = carried.offerable

    def whatever(task_id: str, *, runner_id: str) -> Query[Offerable]:
        asked = offerable(task_id, runner_id=runner_id)
        return Query(asked.sql, lambda row: replace(asked.of(row), takes_offers=True), asked.params)

    return put(carried, offerable=whatever)
