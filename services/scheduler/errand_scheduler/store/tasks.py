"""Tasks: one row for each conversation about a project."""

import sqlite3
from dataclasses import dataclass

from errand_common.values import FailureReason, TaskStatus
from errand_scheduler.store.paging import Place
from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.usage import Usage, usage_of

_SELECT = """
    SELECT task_id, user_id, project_id, status, status_reason, failure_reason, branch, pull_request_url, container_id,
    input_tokens, cache_write_tokens, cache_read_tokens, output_tokens, cost_nanodollars, diff_files, diff_insertions,
    diff_deletions, resume_after_stop, queue_time, created_time, started_time, completed_time, prompt
    FROM tasks
"""


@dataclass(frozen=True)
class DiffStat:
    """What a task's branch changes."""

    files: int
    insertions: int
    deletions: int


@dataclass(frozen=True)
class Task:
    """A task's row. `resume_after_stop`: something was asked for after the stop that is still under way."""

    task_id: str
    user_id: str
    project_id: str
    status: TaskStatus
    status_reason: str
    failure_reason: FailureReason | None
    branch: str
    pull_request_url: str
    container_id: str
    usage: Usage
    diff_stat: DiffStat | None
    resume_after_stop: bool
    queue_time: int
    created_time: int
    started_time: int | None
    completed_time: int | None
    prompt: str


@dataclass(frozen=True)
class PendingTask:
    """A task that waits for a runner, as placement needs it."""

    task_id: str
    user_id: str
    project_id: str
    queue_time: int
    status_reason: str
    last_runner_id: str | None


def by_id(task_id: str) -> Query[Task]:
    """The task, whoever's it is."""
    return Query(f"{_SELECT} WHERE task_id = :task_id", _task, {"task_id": task_id})


def of_user(task_id: str, user_id: str) -> Query[Task]:
    """The user's task."""
    return Query(
        f"{_SELECT} WHERE task_id = :task_id AND user_id = :user_id",
        _task,
        {"task_id": task_id, "user_id": user_id},
    )


def page(user_id: str, *, after: Place, limit: int) -> Query[Task]:
    """The user's tasks after a place, newest first."""
    return Query(
        f"""
        {_SELECT}
        WHERE user_id = :user_id AND (created_time, task_id) < (:after_time, :after_id)
        ORDER BY created_time DESC, task_id DESC
        LIMIT :limit
        """,
        _task,
        {"user_id": user_id, "after_time": after.time_us, "after_id": after.key, "limit": limit},
    )


def pending(per_user: int) -> Query[PendingTask]:
    """Each user's oldest pending tasks without an offer, each with the runner that last worked on it."""
    return Query(
        """
        SELECT task_id, user_id, project_id, queue_time, status_reason,
            (
                SELECT runner_id FROM attempts
                WHERE attempts.task_id = ranked.task_id AND attempts.accepted_time IS NOT NULL
                ORDER BY fence DESC
                LIMIT 1
            ) AS last_runner_id
        FROM (
            SELECT task_id, user_id, project_id, queue_time, status_reason,
                ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY queue_time, task_id) AS place
            FROM tasks
            WHERE status = 'pending'
                AND NOT EXISTS (
                    SELECT 1 FROM attempts
                    WHERE attempts.task_id = tasks.task_id
                        AND attempts.phase IN ('offered', 'accepted', 'starting', 'running', 'stopping')
                )
        ) AS ranked
        WHERE place <= :per_user
        ORDER BY queue_time, task_id
        """,
        _pending_task,
        {"per_user": per_user},
    )


def pending_of_project(project_id: str) -> Query[Task]:
    """The project's pending tasks."""
    return Query(f"{_SELECT} WHERE project_id = :project_id AND status = 'pending'", _task, {"project_id": project_id})


def prefix(task_id: str) -> Query[bytes | None]:
    """The conversation's fixed beginning, if it is settled."""
    return Query("SELECT prefix FROM tasks WHERE task_id = :task_id", lambda row: row["prefix"], {"task_id": task_id})


def insert(tx: Tx, task: Task) -> None:
    """Store a new task."""
    tx.run(
        """
        INSERT INTO tasks (
            task_id, user_id, project_id, status, status_reason, branch, queue_time, created_time, prompt
        )
        VALUES (
            :task_id, :user_id, :project_id, :status, :status_reason, :branch, :queue_time, :created_time, :prompt
        )
        """,
        {
            "task_id": task.task_id,
            "user_id": task.user_id,
            "project_id": task.project_id,
            "status": task.status,
            "status_reason": task.status_reason,
            "branch": task.branch,
            "queue_time": task.queue_time,
            "created_time": task.created_time,
            "prompt": task.prompt,
        },
    )


def set_status(tx: Tx, task: Task) -> None:
    """Store where the task stands, and the times that follow from it."""
    tx.run(
        """
        UPDATE tasks
        SET status = :status, status_reason = :status_reason, failure_reason = :failure_reason,
            queue_time = :queue_time, started_time = :started_time, completed_time = :completed_time,
            resume_after_stop = :resume_after_stop
        WHERE task_id = :task_id
        """,
        {
            "task_id": task.task_id,
            "status": task.status,
            "status_reason": task.status_reason,
            "failure_reason": task.failure_reason,
            "queue_time": task.queue_time,
            "started_time": task.started_time,
            "completed_time": task.completed_time,
            "resume_after_stop": task.resume_after_stop,
        },
    )


def set_resume_after_stop(tx: Tx, task_id: str, *, resume: bool) -> None:
    """Note whether the task goes on once the stop that is under way is done."""
    tx.run(
        "UPDATE tasks SET resume_after_stop = :resume WHERE task_id = :task_id",
        {"task_id": task_id, "resume": resume},
    )


def add_usage(tx: Tx, task_id: str, usage: Usage) -> None:
    """Add what a message used. A cost that is unknown once makes the sum unknown."""
    tx.run(
        """
        UPDATE tasks
        SET input_tokens = input_tokens + :input_tokens,
            cache_write_tokens = cache_write_tokens + :cache_write_tokens,
            cache_read_tokens = cache_read_tokens + :cache_read_tokens,
            output_tokens = output_tokens + :output_tokens,
            cost_nanodollars = cost_nanodollars + :cost_nanodollars
        WHERE task_id = :task_id
        """,
        {"task_id": task_id, **usage.columns()},
    )


def set_container(tx: Tx, task_id: str, container_id: str) -> None:
    """Store the container of the latest attempt."""
    tx.run(
        "UPDATE tasks SET container_id = :container_id WHERE task_id = :task_id",
        {"task_id": task_id, "container_id": container_id},
    )


def set_diff_stat(tx: Tx, task_id: str, diff_stat: DiffStat) -> None:
    """Store what the branch changes after a push."""
    tx.run(
        """
        UPDATE tasks
        SET diff_files = :files, diff_insertions = :insertions, diff_deletions = :deletions
        WHERE task_id = :task_id
        """,
        {
            "task_id": task_id,
            "files": diff_stat.files,
            "insertions": diff_stat.insertions,
            "deletions": diff_stat.deletions,
        },
    )


def set_pull_request(tx: Tx, task_id: str, url: str) -> None:
    """Store the pull request's page."""
    tx.run("UPDATE tasks SET pull_request_url = :url WHERE task_id = :task_id", {"task_id": task_id, "url": url})


def settle_prefix(tx: Tx, task_id: str, prefix: bytes) -> None:
    """Store the conversation's fixed beginning; the first one stays."""
    tx.run(
        "UPDATE tasks SET prefix = :prefix WHERE task_id = :task_id AND prefix IS NULL",
        {"task_id": task_id, "prefix": prefix},
    )


def _task(row: sqlite3.Row) -> Task:
    return Task(
        task_id=row["task_id"],
        user_id=row["user_id"],
        project_id=row["project_id"],
        status=TaskStatus(row["status"]),
        status_reason=row["status_reason"],
        failure_reason=FailureReason(row["failure_reason"]) if row["failure_reason"] else None,
        branch=row["branch"],
        pull_request_url=row["pull_request_url"],
        container_id=row["container_id"],
        usage=usage_of(row),
        diff_stat=_diff_stat(row),
        resume_after_stop=bool(row["resume_after_stop"]),
        queue_time=row["queue_time"],
        created_time=row["created_time"],
        started_time=row["started_time"],
        completed_time=row["completed_time"],
        prompt=row["prompt"],
    )


def _diff_stat(row: sqlite3.Row) -> DiffStat | None:
    if row["diff_files"] is None:
        return None
    return DiffStat(files=row["diff_files"], insertions=row["diff_insertions"], deletions=row["diff_deletions"])


def _pending_task(row: sqlite3.Row) -> PendingTask:
    return PendingTask(
        task_id=row["task_id"],
        user_id=row["user_id"],
        project_id=row["project_id"],
        queue_time=row["queue_time"],
        status_reason=row["status_reason"],
        last_runner_id=row["last_runner_id"],
    )
