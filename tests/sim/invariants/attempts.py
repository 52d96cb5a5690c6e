"""Attempts: one live one of a task, no more than there are slots, phases that rise, ends that stay."""

import json
from collections import defaultdict
from collections.abc import Mapping

from errand_common.values import AttemptPhase
from tests.sim.breach import Breach
from tests.sim.database import runner_id
from tests.sim.invariants.ledger import FINAL, Ledger, Row, Seen
from tests.sim.invariants.promises import Promises
from tests.sim.scheduler_host import BEAT_S

_RANK = {phase.value: phase.rank for phase in AttemptPhase}
_OFFER_S = 3 * BEAT_S


def check(ledger: Ledger, rows: Mapping[str, Row], promises: Promises) -> None:
    """Look at all of them after a commit."""
    live_of_task: dict[str, str] = {}
    live_of_runner: dict[str, int] = defaultdict(int)
    for attempt_id, row in rows.items():
        if row[4] not in FINAL:
            if row[1] in live_of_task:
                raise Breach("I2", f"{row[1]} has two live attempts, {live_of_task[row[1]]} and {attempt_id}")
            live_of_task[row[1]] = attempt_id
            live_of_runner[row[2]] += 1
            _check_live(ledger, row)
        seen = ledger.attempts.get(attempt_id)
        if seen is None:
            _check_new(ledger, row)
            ledger.attempts[attempt_id] = Seen(row, ledger.loop.time())
        elif seen.row != row:
            _check_moved(ledger, seen, row, promises)
    for attempt_id in ledger.attempts:
        if attempt_id not in rows:
            raise Breach("I5", f"{attempt_id} is gone")
    for runner, count in live_of_runner.items():
        if count > ledger.slots(runner):
            raise Breach("I10", f"{runner} has {count} attempts and {ledger.slots(runner)} slots")


def _check_live(ledger: Ledger, row: Row) -> None:
    if row[5] is None:
        raise Breach("deadline", f"{row[0]} is {row[4]} without a deadline")
    if row[6] != ledger.acked.get(row[0], 0):
        raise Breach("I4", f"{row[0]} counts {row[6]} events, {ledger.acked.get(row[0], 0)} stored")


def _check_new(ledger: Ledger, row: Row) -> None:
    """A fence is higher than any that the task ever had, in histories that a restore put away too."""
    highest = ledger.fences.get(row[1], -1)
    if row[3] <= highest:
        raise Breach("I2", f"{row[0]} has fence {row[3]}, no higher than {highest}, which {row[1]} had before")
    ledger.fences[row[1]] = row[3]
    wanted = json.loads(ledger.one("SELECT required_labels FROM tasks WHERE task_id = ?", row[1])[0]).get("host")
    if wanted is not None and row[2] != runner_id(int(wanted.removeprefix("runner"))):
        raise Breach("labels", f"{row[1]} is for {wanted} alone, and {row[0]} is offered to {row[2]}")


def _check_moved(ledger: Ledger, seen: Seen, row: Row, promises: Promises) -> None:
    now, before_s = ledger.loop.time(), seen.since_s
    if seen.row[4] in FINAL:
        raise Breach("I5", f"{row[0]} was {seen.row[4]} for good and changed to {row}")
    if _RANK[row[4]] < _RANK[seen.row[4]]:
        raise Breach("I2", f"{row[0]} went back from {seen.row[4]} to {row[4]}")
    if seen.row[3] != row[3] or seen.row[2] != row[2] or seen.row[1] != row[1]:
        raise Breach("I2", f"{row[0]} changed whose it is")
    if seen.row[4] != row[4]:
        seen.since_s = now
    if seen.row[4] == "offered" and row[4] == "withdrawn" and now - before_s >= _OFFER_S:
        promises.passed(row)
    elif seen.row[4] == "offered" and row[4] != "withdrawn":
        if row[0] in ledger.taken_before:
            raise Breach("I2", f"{row[0]} is taken again, as it was in the history that a restore put away")
        promises.taken(row)
    if row[4] == "failed":
        _check_refused(ledger, row)
    seen.row = row


_REFUSED = "the scheduler refuses what the attempt tells"


def _check_refused(ledger: Ledger, row: Row) -> None:
    """What spoils one attempt's record fails that attempt, and no other."""
    excused = ledger.cloned or ledger.restored_s is not None
    if row[8].startswith(_REFUSED) and row[0] not in ledger.spoiled and not excused:
        raise Breach("poison", f"{row[0]} failed, and nothing of it was spoiled: {row[8]}")
