"""Tasks that their status has a deadline for, as timers need them."""

from dataclasses import dataclass

from errand_common.values import TaskStatus
from errand_scheduler.store.query import Query


@dataclass(frozen=True)
class Clocked:
    """One of them, and until when it may stand so."""

    task_id: str
    status: TaskStatus
    deadline_time: int | None


def every() -> Query[Clocked]:
    """All of them."""
    return Query(
        """
        SELECT task_id, status, deadline_time FROM tasks INDEXED BY tasks_pending WHERE status = 'pending'
        UNION ALL
        SELECT task_id, status, deadline_time FROM tasks INDEXED BY tasks_waiting WHERE status = 'waiting'
        """,
        lambda row: Clocked(row["task_id"], TaskStatus(row["status"]), row["deadline_time"]),
    )
