"""The audit log: who changed what."""

import json
from collections.abc import Sequence

from errand_scheduler.store.appends import Append
from errand_scheduler.store.query import Params
from errand_scheduler.store.transaction import Tx

_Row = tuple[str, str, str, int]


def record(tx: Tx, *, caller: str, action: str, subject_id: str) -> None:
    """Note a change beside it, in its transaction."""
    tx.waiting(_APPEND).append((caller, action, subject_id, tx.now_us))


def _params(rows: Sequence[_Row]) -> Params:
    return {"rows": json.dumps(rows)}


_APPEND = Append(
    """
    INSERT INTO audit_log (caller, action, subject_id, created_time)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3
    FROM json_each(:rows)
    """,
    _params,
)
