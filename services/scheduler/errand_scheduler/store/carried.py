"""An attempt with what a decision about it looks at, in one question: to ask is most of what it costs."""

import sqlite3
from dataclasses import dataclass

from errand_scheduler.store import attempts, tasks
from errand_scheduler.store.attempts import Attempt
from errand_scheduler.store.query import Query
from errand_scheduler.store.tasks import Task

_SELECT = "SELECT attempt.*, task.*, (SELECT generation FROM meta)"


@dataclass(frozen=True)
class Carried:
    """An attempt, its task, and the generation of the history that both stand in."""

    attempt: Attempt
    task: Task
    generation: int


def by_id(attempt_id: str) -> Query[Carried]:
    """The attempt, and what belongs to it."""
    return Query(
        f"""
        {_SELECT}
        FROM ({attempts.SELECT} WHERE attempt_id = :attempt_id) AS attempt
        JOIN ({tasks.SELECT}) AS task ON task.task_id = attempt.task_id
        """,
        _carried,
        {"attempt_id": attempt_id},
    )


def _carried(row: sqlite3.Row) -> Carried:
    *of_attempt, generation = row
    of_task = of_attempt[attempts.WIDTH :]
    del of_attempt[attempts.WIDTH :]
    return Carried(attempts.of_row(of_attempt), tasks.of_row(of_task), generation)
