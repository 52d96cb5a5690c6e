"""What was found of tasks' work: the check's last result and the last finish card, as messages of the contract."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from errand_scheduler.store import tasks
from errand_scheduler.store.query import Query
from errand_scheduler.store.tasks import Task
from errand_scheduler.store.transaction import Tx

_WITH_CARD = "SELECT task.*, (SELECT finish_card FROM judgements WHERE judgements.task_id = task.task_id)"


@dataclass(frozen=True)
class Span:
    """How long a task was worked on since an attempt of it ended last by itself or by a person: from the beginning of
    the first attempt since, and the part of it in which a runner had one. In microseconds."""

    wall_us: int
    work_us: int


def task_with_card(task_id: str, user_id: str) -> Query[tuple[Task, bytes | None]]:
    """The user's task with its last card, in one question: to ask is most of what it costs."""
    return Query(
        f"""
        {_WITH_CARD}
        FROM ({tasks.SELECT} WHERE task_id = :task_id AND user_id = :user_id) AS task
        """,
        _task_with_card,
        {"task_id": task_id, "user_id": user_id},
    )


def checks_among(task_ids: Sequence[str]) -> Query[tuple[str, bytes]]:
    """Of these tasks, those whose check was run, with its last result."""
    return Query(
        """
        SELECT task_id, check_result FROM judgements JOIN json_each(:ids) AS asked ON asked.value = task_id
        WHERE check_result IS NOT NULL
        """,
        lambda row: (row["task_id"], row["check_result"]),
        {"ids": json.dumps(list(task_ids))},
    )


def span(task_id: str, *, now_us: int) -> Query[Span]:
    """How long the task is worked on by now."""
    return Query(
        """
        SELECT COALESCE(MIN(created_time), :now) AS since,
            COALESCE(SUM(COALESCE(completed_time, :now) - accepted_time), 0) AS worked
        FROM attempts
        WHERE task_id = :task_id AND fence > COALESCE((
            SELECT MAX(fence) FROM attempts
            WHERE task_id = :task_id AND phase IN ('succeeded', 'failed', 'cancelled', 'timed_out')
        ), 0)
        """,
        lambda row: Span(wall_us=max(now_us - row["since"], 0), work_us=max(row["worked"], 0)),
        {"task_id": task_id, "now": now_us},
    )


def set_check(tx: Tx, task_id: str, result: bytes) -> None:
    """Store what the check said."""
    tx.run(
        """
        INSERT INTO judgements (task_id, check_result) VALUES (:task_id, :result)
        ON CONFLICT (task_id) DO UPDATE SET check_result = excluded.check_result
        """,
        {"task_id": task_id, "result": result},
    )


def set_card(tx: Tx, task_id: str, card: bytes) -> None:
    """Store the task's card."""
    tx.run(
        """
        INSERT INTO judgements (task_id, finish_card) VALUES (:task_id, :card)
        ON CONFLICT (task_id) DO UPDATE SET finish_card = excluded.finish_card
        """,
        {"task_id": task_id, "card": card},
    )


def _task_with_card(row: sqlite3.Row) -> tuple[Task, bytes | None]:
    *of_task, card = row
    return tasks.of_row(of_task), card
