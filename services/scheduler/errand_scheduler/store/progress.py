"""What attempts add to their tasks."""

import json
from collections.abc import Sequence

from errand_scheduler.store.notices import ModelUsed
from errand_scheduler.store.query import Query
from errand_scheduler.store.tasks import DiffStat
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.usage import Usage


def prefix(task_id: str) -> Query[bytes | None]:
    """The conversation's fixed beginning, if it is settled."""
    return Query("SELECT prefix FROM tasks WHERE task_id = :task_id", lambda row: row["prefix"], {"task_id": task_id})


def add_usage(tx: Tx, task_id: str, usage: Usage, *, requests: int = 1) -> None:
    """Add what so many requests used. A cost that is unknown once makes the sum unknown."""
    tx.run(
        """
        UPDATE tasks
        SET input_tokens = input_tokens + :input_tokens,
            cache_write_tokens = cache_write_tokens + :cache_write_tokens,
            cache_read_tokens = cache_read_tokens + :cache_read_tokens,
            output_tokens = output_tokens + :output_tokens,
            cost_nanodollars = cost_nanodollars + :cost_nanodollars,
            request_count = request_count + :requests
        WHERE task_id = :task_id
        """,
        {"task_id": task_id, "requests": requests, **usage.columns()},
    )
    tx.notice(ModelUsed(usage, requests))


def add_work(tx: Tx, task_id: str, worked_us: int) -> None:
    """Add for how long an attempt had the task."""
    tx.run(
        "UPDATE tasks SET worked_us = worked_us + :worked_us WHERE task_id = :task_id",
        {"task_id": task_id, "worked_us": worked_us},
    )


def set_container(tx: Tx, task_id: str, container_id: str) -> None:
    """Store the container of the latest attempt."""
    tx.run(
        "UPDATE tasks SET container_id = :container_id WHERE task_id = :task_id",
        {"task_id": task_id, "container_id": container_id},
    )


def set_head(tx: Tx, task_id: str, commit: str) -> None:
    """Store where the task pushed its branch."""
    tx.run("UPDATE tasks SET head_commit = :commit WHERE task_id = :task_id", {"task_id": task_id, "commit": commit})


def set_checkpoint(tx: Tx, task_id: str, commit: str) -> None:
    """Store the task's last checkpoint."""
    tx.run(
        "UPDATE tasks SET checkpoint_commit = :commit WHERE task_id = :task_id",
        {"task_id": task_id, "commit": commit},
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


def blocked_hosts(task_id: str) -> Query[tuple[str, ...]]:
    """The hosts that the task asked for and was not allowed."""
    sql = "SELECT blocked_hosts FROM tasks WHERE task_id = :task_id"
    return Query(sql, lambda row: tuple(json.loads(row["blocked_hosts"])), {"task_id": task_id})


def set_blocked_hosts(tx: Tx, task_id: str, hosts: Sequence[str]) -> None:
    """Store them."""
    tx.run(
        "UPDATE tasks SET blocked_hosts = :hosts WHERE task_id = :task_id",
        {"task_id": task_id, "hosts": json.dumps(list(hosts))},
    )


def settle_prefix(tx: Tx, task_id: str, prefix: bytes) -> None:
    """Store the conversation's fixed beginning; the first one stays."""
    tx.run(
        "UPDATE tasks SET prefix = :prefix WHERE task_id = :task_id AND prefix IS NULL",
        {"task_id": task_id, "prefix": prefix},
    )


def replace_prefix(tx: Tx, task_id: str, prefix: bytes) -> None:
    """Store another beginning in the place of the one before."""
    tx.run("UPDATE tasks SET prefix = :prefix WHERE task_id = :task_id", {"task_id": task_id, "prefix": prefix})
