"""Tasks: none goes, each says why it waits, fits its attempt, and leaves an end only because a person sends it on."""

from collections.abc import Mapping, Sequence

from tests.sim.breach import Breach
from tests.sim.invariants.ledger import FINAL, TASK_FINAL, Ledger, Row, Seen

_MOST_RETRIES = 3
_ON_AGAIN = frozenset(("input_added", "task_retried"))
_KEYS_US = 7 * 86_400 * 1_000_000
"""For how long a request id is known."""


def check(ledger: Ledger, tasks: Mapping[str, Row], attempts: Mapping[str, Row], events: Sequence[Row]) -> None:
    """Look at all of them after a commit."""
    live = {row[1]: row for row in attempts.values() if row[4] not in FINAL}
    # Within one commit a task may have gone and come back.
    moved = {event[1] for event in events if event[4] == "task_status_changed"}
    for task_id, row in tasks.items():
        before = ledger.tasks.get(task_id)
        _check_one(row, live.get(task_id))
        if before is None:
            _check_new(ledger, row)
        elif before[1] != row[1]:
            _check_moved(ledger, before, row, events)
        elif before[11] == "kept" and row[11] != "kept":
            _check_forgotten(ledger, row)
        if before is None or task_id in moved:
            ledger.task_since_s[task_id] = ledger.loop.time()
    for task_id in ledger.tasks:
        if task_id not in tasks:
            raise Breach("I1", f"{task_id} is gone")


def check_stops(
    ledger: Ledger,
    stops: Sequence[Row],
    attempts: Mapping[str, Row],
    tasks: Mapping[str, Row],
    events: Sequence[Row],
) -> None:
    """What is stopped ends; before the attempts' rows are looked at."""
    for audit_id, task_id in stops:
        ledger.last_audit = max(ledger.last_audit, audit_id)
        ledger.stops.add(task_id)
        on_again = any(event[1] == task_id and event[4] in _ON_AGAIN for event in events)
        ending = any(row[1] == task_id and row[4] == "stopping" for row in attempts.values())
        if tasks[task_id][1] not in TASK_FINAL and not ending and not on_again:
            raise Breach("I6", f"{task_id} was stopped and is {tasks[task_id][1]}")
        for attempt_id, seen in ledger.attempts.items():
            if seen.row[1] == task_id and seen.row[4] not in FINAL:
                # In one commit with its end, either may have come first.
                seen.stopped = seen.stopped or attempts[attempt_id][4] == "stopping"
                if attempts[attempt_id][4] not in FINAL and attempts[attempt_id][4] != "stopping":
                    raise Breach("I6", f"{task_id} was stopped, and {attempt_id} is {attempts[attempt_id][4]}")


def _check_one(row: Row, attempt: Row | None) -> None:
    task_id, status = row[0], row[1]
    if status in ("pending", "waiting"):
        if not row[2]:
            raise Breach("I1", f"{task_id} is {status} and nobody says why")
        if row[3] is None:
            raise Breach("deadline", f"{task_id} is {status} without a deadline")
    if row[6] > _MOST_RETRIES:
        raise Breach("retries", f"{task_id} is tried again for the {row[6]}th time")
    if status == "waiting" and not row[4]:
        raise Breach("I1", f"{task_id} waits for nothing")
    if status == "pending" and attempt is not None and attempt[4] != "offered":
        raise Breach("I2", f"{task_id} is pending while {attempt[0]} is {attempt[4]}")
    if status == "running" and (attempt is None or attempt[4] == "offered"):
        raise Breach("I1", f"{task_id} is running without an attempt at work")
    if status in TASK_FINAL and attempt is not None:
        raise Breach("I2", f"{task_id} is {status} while {attempt[0]} is {attempt[4]}")


def _check_new(ledger: Ledger, row: Row) -> None:
    for other in ledger.tasks.values():
        if other[0] != row[0] and other[9:11] == row[9:11] and not _long_before(ledger, other[0], row[0]):
            raise Breach("once", f"{row[0]} and {other[0]} come from one request")


def _long_before(ledger: Ledger, task_id: str, other_id: str) -> bool:
    """Whether what asked for the one may be forgotten when the other is asked for."""
    created = "SELECT created_time FROM tasks WHERE task_id = ?"
    return bool(ledger.one(created, other_id)[0] - ledger.one(created, task_id)[0] >= _KEYS_US)


def _check_forgotten(ledger: Ledger, row: Row) -> None:
    """The record goes where the task is over for long enough."""
    over_s = ledger.loop.time() - ledger.decided_s(ledger.task_since_s[row[0]])
    if row[1] not in TASK_FINAL or (over_s < ledger.kept_s and not ledger.clock_jumped):
        raise Breach("I1", f"the record of {row[0]} is let go of, which is {row[1]} for {over_s:.0f} s")


def _check_moved(ledger: Ledger, before: Row, row: Row, events: Sequence[Row]) -> None:
    task_id, status = row[0], row[1]
    kinds = {event[4] for event in events if event[1] == task_id}
    if before[1] in TASK_FINAL and not _ON_AGAIN & kinds:
        raise Breach("I5", f"{task_id} left {before[1]} for {status} without an input or a retry")
    if "task_status_changed" not in kinds:
        raise Breach("I5", f"{task_id} went from {before[1]} to {status} without an event")
    # One that is pending is past its attempt: what fails it is that no other came in time.
    if status in ("completed", "failed", "waiting") and before[1] != "pending":
        last = max((seen for seen in ledger.attempts.values() if seen.row[1] == task_id), key=_fence, default=None)
        if last is not None and last.stopped:
            raise Breach("I6", f"{task_id} became {status} by {last.row[0]}, which a person had stopped")


def _fence(seen: Seen) -> int:
    return int(seen.row[3])
