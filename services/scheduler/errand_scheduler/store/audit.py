"""The audit log: who changed what."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from errand_scheduler.store.appends import Append
from errand_scheduler.store.paging import TOP
from errand_scheduler.store.query import Params, Query
from errand_scheduler.store.transaction import Tx

_Row = tuple[str, str, str, str, int]


@dataclass(frozen=True)
class Entry:
    """One change. `caller` is a user's id or a service's name, `token_name` that through which a person called."""

    audit_id: int
    caller: str
    token_name: str
    action: str
    subject_id: str
    created_time: int


def record(tx: Tx, *, caller: str, action: str, subject_id: str, token_name: str = "") -> None:
    """Note a change beside it, in its transaction."""
    tx.waiting(_APPEND).append((caller, token_name, action, subject_id, tx.now_us))


def page(*, before: int | None, limit: int) -> Query[Entry]:
    """The newest entries, or those before one."""
    return Query(
        """
        SELECT audit_id, caller, token_name, action, subject_id, created_time FROM audit_log
        WHERE audit_id < :before ORDER BY audit_id DESC LIMIT :limit
        """,
        _entry,
        {"before": before or TOP.time_us, "limit": limit},
    )


def _params(rows: Sequence[_Row]) -> Params:
    return {"rows": json.dumps(rows)}


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        audit_id=row["audit_id"],
        caller=row["caller"],
        token_name=row["token_name"],
        action=row["action"],
        subject_id=row["subject_id"],
        created_time=row["created_time"],
    )


_APPEND = Append(
    """
    INSERT INTO audit_log (caller, token_name, action, subject_id, created_time)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
    FROM json_each(:rows)
    """,
    _params,
)
