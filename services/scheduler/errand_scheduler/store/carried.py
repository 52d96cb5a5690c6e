"""What a decision about an attempt looks at, in one question: to ask is most of what it costs."""

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


@dataclass(frozen=True)
class Offerable:
    """A task as an offer to a runner finds it: whether it is pending, whether an operator lets the runner be offered
    anything, whether an attempt of the task is not final, the highest fence that it has had, 0 before the first, and
    the history's generation."""

    user_id: str
    pending: bool
    takes_offers: bool
    live: bool
    last_fence: int
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


def offerable(task_id: str, *, runner_id: str) -> Query[Offerable]:
    """The task, and what an offer of it to this runner looks at."""
    return Query(
        """
        SELECT user_id, status = 'pending',
            COALESCE(
                (SELECT mode = 'active' AND removed_time IS NULL FROM runners WHERE runner_id = :runner_id), 0
            ),
            EXISTS (SELECT 1 FROM attempts WHERE task_id = :task_id AND completed_time IS NULL),
            COALESCE((SELECT MAX(fence) FROM attempts WHERE task_id = :task_id), 0),
            (SELECT generation FROM meta)
        FROM tasks
        WHERE task_id = :task_id
        """,
        _offerable,
        {"task_id": task_id, "runner_id": runner_id},
    )


def _offerable(row: sqlite3.Row) -> Offerable:
    user_id, pending, takes_offers, live, last_fence, generation = row
    return Offerable(user_id, bool(pending), bool(takes_offers), bool(live), last_fence, generation)


def _carried(row: sqlite3.Row) -> Carried:
    *of_attempt, generation = row
    of_task = of_attempt[attempts.WIDTH :]
    del of_attempt[attempts.WIDTH :]
    return Carried(attempts.of_row(of_attempt), tasks.of_row(of_task), generation)
