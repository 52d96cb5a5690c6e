"""After a backup was restored the database is another one: what is remembered of the old is put away, but for what no
two histories may have in common."""

from tests.sim.breach import Breach
from tests.sim.invariants import events
from tests.sim.invariants.ledger import ATTEMPTS, STOPPED, TASKS, Ledger, Seen

_NAMED = (("tasks", "task_id"), ("inputs", "input_id"), ("attempts", "attempt_id"))


def names(ledger: Ledger) -> set[str]:
    """Every name that was given in the history of now."""
    return {row[0] for table, key in _NAMED for row in ledger.cursor.execute(f"SELECT {key} FROM {table}").fetchall()}


def begin_anew(ledger: Ledger, before: set[str]) -> None:
    """Take the database as it is now, where these names were given before it was restored."""
    now = ledger.loop.time()
    ledger.restored_s = now
    ledger.lost |= before - names(ledger)
    ledger.taken_before |= {key for key, seen in ledger.attempts.items() if seen.row[4] not in ("offered", "withdrawn")}
    ledger.created = [key for key in ledger.created if key not in ledger.lost]
    ledger.wrote = {key: task_id for key, task_id in ledger.wrote.items() if key not in ledger.lost}
    ledger.attempts = {row[0]: Seen(row, now) for row in ledger.cursor.execute(ATTEMPTS).fetchall()}
    ledger.tasks = {row[0]: row for row in ledger.cursor.execute(TASKS).fetchall()}
    ledger.task_since_s = dict.fromkeys(ledger.tasks, now)
    ledger.last_event = ledger.one("SELECT COALESCE(MAX(event_id), 0) FROM events")[0]
    ledger.last_audit = ledger.one("SELECT COALESCE(MAX(audit_id), 0) FROM audit_log")[0]
    ledger.stops = {row[0] for row in ledger.cursor.execute(STOPPED).fetchall()}
    were_acked = ledger.acked
    ledger.acked = {attempt_id: seen.row[6] for attempt_id, seen in ledger.attempts.items()}
    ledger.set_back |= {key for key, sequence in were_acked.items() if ledger.acked.get(key, 0) < sequence}
    ledger.carried = {}
    messages = "SELECT event_id, task_id, body FROM events WHERE kind = 'message_appended'"
    for event_id, task_id, body in ledger.cursor.execute(messages).fetchall():
        events.note_carried(ledger, event_id, task_id, body)


def check_names(ledger: Ledger) -> None:
    """After a commit: a name that went with a history is not given again."""
    if ledger.restored_s is not None and (again := ledger.lost & names(ledger)):
        raise Breach("ids", f"{sorted(again)[0]} is given again; before the restore it was something else")
