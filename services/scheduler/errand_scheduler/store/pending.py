"""Tasks that wait for a runner, as placement needs them."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from errand_scheduler.store.paging import Place
from errand_scheduler.store.query import Query

_SELECT = """
    SELECT task_id, user_id, project_id, queue_time, status_reason, required_labels, retry_count,
        EXISTS (
            SELECT 1 FROM attempts
            WHERE attempts.task_id = tasks.task_id
                AND attempts.phase IN ('offered', 'accepted', 'starting', 'running', 'stopping')
        ) AS offered,
        (
            SELECT runner_id FROM attempts
            WHERE attempts.task_id = tasks.task_id AND attempts.accepted_time IS NOT NULL
            ORDER BY fence DESC
            LIMIT 1
        ) AS last_runner_id,
        CASE WHEN retry_count > 0 THEN (
            SELECT json_group_array(json_array(runner_id, reason))
            FROM (
                SELECT runner_id, reason FROM attempts
                WHERE attempts.task_id = tasks.task_id AND attempts.accepted_time IS NOT NULL
                ORDER BY fence DESC
                LIMIT 3
            )
        ) END AS failures
    FROM tasks
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that failed before its work began."""

    runner_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class PendingTask:
    """A pending task. `offered`: some runner has an offer of it. `failures` are those that `retry_count` counts, the
    latest first."""

    task_id: str
    user_id: str
    project_id: str
    queue_time: int
    status_reason: str
    required_labels: tuple[tuple[str, str], ...]
    retry_count: int
    offered: bool
    last_runner_id: str | None
    failures: tuple[Failure, ...]


def page(*, after: Place, limit: int) -> Query[PendingTask]:
    """The pending tasks after a place, oldest first."""
    return Query(
        f"""
        {_SELECT} INDEXED BY tasks_pending
        WHERE status = 'pending' AND (queue_time, task_id) > (:after_time, :after_id)
        ORDER BY queue_time, task_id
        LIMIT :limit
        """,
        _pending_task,
        {"after_time": after.time_us, "after_id": after.key, "limit": limit},
    )


def among(task_ids: Sequence[str]) -> Query[PendingTask]:
    """Those of these tasks that are pending."""
    return Query(
        f"{_SELECT} JOIN json_each(:ids) AS asked ON asked.value = tasks.task_id WHERE status = 'pending'",
        _pending_task,
        {"ids": json.dumps(list(task_ids))},
    )


def _pending_task(row: sqlite3.Row) -> PendingTask:
    return PendingTask(
        task_id=row["task_id"],
        user_id=row["user_id"],
        project_id=row["project_id"],
        queue_time=row["queue_time"],
        status_reason=row["status_reason"],
        required_labels=tuple(sorted(json.loads(row["required_labels"]).items())),
        retry_count=row["retry_count"],
        offered=bool(row["offered"]),
        last_runner_id=row["last_runner_id"],
        failures=_failures(row["failures"], row["retry_count"]),
    )


def _failures(text: str | None, retry_count: int) -> tuple[Failure, ...]:
    if text is None:
        return ()
    return tuple(Failure(runner_id, reason) for runner_id, reason in json.loads(text)[:retry_count])
