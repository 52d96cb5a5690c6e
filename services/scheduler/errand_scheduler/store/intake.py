"""What is looked at before another task of a user's may wait."""

import sqlite3
from dataclasses import dataclass

from errand_scheduler.store.allowance import Allowance, from_text
from errand_scheduler.store.query import Query, number


@dataclass(frozen=True)
class Intake:
    """Whether a project is the user's, what its tasks may spend, and how many of the user's tasks are pending."""

    owned: bool
    allowance: Allowance
    pending: int


def of_project(user_id: str, project_id: str) -> Query[Intake]:
    """What another task of the user's at the project is judged by."""
    return Query(
        """
        SELECT
            (SELECT allowance FROM projects WHERE project_id = :project_id AND user_id = :user_id) AS allowance,
            COUNT(*) AS pending
        FROM tasks INDEXED BY tasks_pending_by_user
        WHERE status = 'pending' AND user_id = :user_id
        """,
        _intake,
        {"user_id": user_id, "project_id": project_id},
    )


def pending_of(user_id: str) -> Query[int]:
    """How many of the user's tasks are pending."""
    # By what is pending: a user's finished tasks may be a million.
    return Query(
        "SELECT COUNT(*) FROM tasks INDEXED BY tasks_pending_by_user WHERE status = 'pending' AND user_id = :user_id",
        number,
        {"user_id": user_id},
    )


def _intake(row: sqlite3.Row) -> Intake:
    allowance = row["allowance"]
    return Intake(owned=allowance is not None, allowance=from_text(allowance or "{}"), pending=row["pending"])
