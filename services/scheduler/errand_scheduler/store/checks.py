"""A project's declared check."""

from dataclasses import dataclass

from errand_scheduler.store.transaction import Tx

USUAL_LIMIT_S = 15 * 60.0
"""How long a check may take where nobody says so."""


@dataclass(frozen=True)
class Check:
    """What decides whether the work of a project's tasks holds: a script, empty for none, and its time."""

    script: str = ""
    limit_s: float = USUAL_LIMIT_S


UNCHECKED = Check()
"""Nothing is declared."""


def set_check(tx: Tx, project_id: str, check: Check) -> None:
    """What the project's next attempts are judged by."""
    tx.run(
        "UPDATE projects SET check_script = :script, check_limit_us = :limit_us WHERE project_id = :project_id",
        {"project_id": project_id, "script": check.script, "limit_us": round(check.limit_s * 1e6)},
    )
