"""What peers are told is true at that moment, and stays so."""

from typing import Any

from errand_common.errors import ErrandError
from tests.sim.breach import Breach
from tests.sim.invariants.ledger import FINAL, Ledger
from tests.sim.outside import Standing

_NEVER_REFUSED = ("CreateTask", "GetTask", "ListTasks", "ListEvents", "ListMessages", "ListToolCalls")


class Told:
    """Looks at what leaves the scheduler, and the runners."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def created(self, task_id: str) -> None:
        """A person was told that the task is created."""
        if self._kept("tasks", "task_id", task_id):
            self._ledger.created.append(task_id)

    def wrote(self, input_id: str, task_id: str) -> None:
        """A person was told that the input is stored."""
        if self._kept("inputs", "input_id", input_id):
            self._ledger.wrote[input_id] = task_id

    def stopped(self, task_id: str) -> None:
        """A person was told that the task is stopped: the commit that did it was looked at by then."""
        if task_id not in self._ledger.stops and not self._just_restored():
            raise Breach("I6", f"StopTask of {task_id} was answered, and nothing was stored")

    def refused(self, method: str, request: Any, error: ErrandError) -> None:
        """A person was refused: in a state in which that may be."""
        if error.reason == "NOT_FOUND" and getattr(request, "task_id", "") in self._ledger.lost:
            return
        if method == "StopTask":
            raise Breach("I6", f"a stop was refused: {error.reason} {error.message}")
        if method in _NEVER_REFUSED:
            raise Breach("I1", f"{method} was refused: {error.reason} {error.message}")

    def sent(self, attempt_id: str, fence: int, sequence: int, data: bytes, body: bytes) -> None:
        """A runner sent an event: what it sent once it may never tell otherwise."""
        known = self._ledger.sent[attempt_id, fence]
        before = known.events.setdefault(sequence, data)
        known.bodies.setdefault(sequence, body)
        if before != data and not self._ledger.is_unsure(attempt_id):
            raise Breach("I3", f"{attempt_id} sends event {sequence} again with other content")

    def acked(self, attempt_id: str, sequence: int) -> None:
        """A runner was told that everything up to a sequence is safe."""
        row = self._ledger.one(
            "SELECT COUNT(*), MAX(attempt_sequence) FROM events WHERE attempt_id = ? AND attempt_sequence <= ?",
            attempt_id,
            sequence,
        )
        if sequence and row != (sequence, sequence) and self._is_on_record(attempt_id):
            raise Breach("I3", f"{attempt_id} was acked up to {sequence}; {row[0]} events are stored")

    def finished(self, attempt_id: str, last_sequence: int) -> None:
        """A runner was told that its attempt's end is stored."""
        row = self._ledger.one(
            "SELECT phase, acked_sequence, stop_cause FROM attempts WHERE attempt_id = ?", attempt_id
        )
        if row is None or row[0] not in FINAL:
            raise Breach("I5", f"the end of {attempt_id} was answered, and it is {row and row[0]}")
        # A stop that its runner carried out does not wait for what cannot be stored.
        stopped = row[2] is not None and row[0] in ("cancelled", "timed_out")
        if row[1] < last_sequence and not stopped:
            raise Breach("I5", f"{attempt_id} was ended with events up to {row[1]} stored; its last is {last_sequence}")

    def held(self, attempt_id: str, fence: int, last_sequence: int) -> None:
        """A runner says what it holds: no less than what was acked, if its disk is a disk."""
        row = self._ledger.one("SELECT acked_sequence, phase, fence FROM attempts WHERE attempt_id = ?", attempt_id)
        if row is None or self._ledger.is_unsure(attempt_id) or row[2] != fence or row[1] in FINAL:
            return
        if last_sequence < row[0]:
            raise Breach("I3", f"the runner holds {last_sequence} events of {attempt_id}, and {row[0]} were acked")

    def complete(self, task_id: str, cursor: str, who: str, *, epoch: str) -> None:
        """One who watches without interruption, and reads, has everything."""
        if not task_id:
            return
        newest = self._ledger.one("SELECT MAX(event_id) FROM events WHERE task_id = ?", task_id)[0]
        of, _, number = cursor.rpartition(".")
        if newest is not None and (of != epoch or int(number) < newest):
            raise Breach("I8", f"{who} watches and was never told of event {newest}")

    def raised(self, task_id: str, nanodollars: int) -> None:
        """A person was told that a task may cost so much."""
        row = self._ledger.one(
            "SELECT json_extract(allowance, '$.cost_nanodollars') FROM tasks WHERE task_id = ?", task_id
        )
        if not self._ledger.restored_s and row[0] < nanodollars:
            raise Breach("I1", f"{task_id} was raised to {nanodollars} and may cost {row[0]}")

    def standing(self, task_id: str, attempt_id: str, fence: int) -> Standing | None:
        """Where an attempt that does something stands; none where this history never had it."""
        row = self._ledger.one("SELECT phase FROM attempts WHERE attempt_id = ?", attempt_id)
        if row is None:
            return None
        newer = self._ledger.cursor.execute(
            "SELECT accepted_time FROM attempts WHERE task_id = ? AND fence > ?", (task_id, fence)
        ).fetchall()
        return Standing(phase=row[0], newer_accepted=any(accepted is not None for (accepted,) in newer))

    def at_end(self) -> None:
        """What was promised to people is there."""
        for task_id in self._ledger.created:
            self._kept("tasks", "task_id", task_id)
        for input_id, task_id in self._ledger.wrote.items():
            if self._ledger.is_on_record(task_id):
                self._kept("inputs", "input_id", input_id)

    def is_lost(self, name: str) -> bool:
        """Whether a restored backup knew nothing of it."""
        return name in self._ledger.lost

    def _is_on_record(self, attempt_id: str) -> bool:
        return self._ledger.is_on_record(self._ledger.attempts[attempt_id].row[1])

    def _kept(self, table: str, column: str, key: str) -> bool:
        """Whether it is there; not so what was answered just before a backup was restored that knows nothing of it."""
        if self._ledger.has(table, column, key):
            return True
        if not self._just_restored():
            raise Breach("I1", f"{key} was promised and is not there")
        self._ledger.lost.add(key)
        return False

    def _just_restored(self) -> bool:
        restored_s = self._ledger.restored_s
        return restored_s is not None and self._ledger.loop.time() - restored_s < 20.0
