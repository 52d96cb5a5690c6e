"""Tasks: one row for each conversation about a project."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from errand_common.values import FailureReason, TaskStatus, WaitReason
from errand_scheduler.store import model_choices, revivals
from errand_scheduler.store.allowance import NO_LIMIT, Allowance
from errand_scheduler.store.allowance import from_text as allowance_from_text
from errand_scheduler.store.allowance import to_text as allowance_to_text
from errand_scheduler.store.model_choices import NO_CHOICE, ModelChoice
from errand_scheduler.store.paging import Place
from errand_scheduler.store.query import Query
from errand_scheduler.store.revivals import Revival
from errand_scheduler.store.transaction import Tx
from errand_scheduler.store.usage import Usage

SELECT = """
    SELECT task_id, user_id, project_id, status, status_reason, failure_reason, branch, pull_request_url, container_id,
    input_tokens, cache_write_tokens, cache_read_tokens, output_tokens, cost_nanodollars, diff_files, diff_insertions,
    diff_deletions, wait_reason, resume_time, deadline_time, required_labels, retry_count, resume_after_stop,
    revived_from, queue_time, created_time, started_time, completed_time, blocked_hosts, prompt, head_commit,
    checkpoint_commit, allowance, request_count, worked_us, model_choice
    FROM tasks
"""
"""A task's columns, for `of_row`."""


@dataclass(frozen=True)
class DiffStat:
    """What a task's branch changes."""

    files: int
    insertions: int
    deletions: int


class Task(NamedTuple):
    """A task's row.

    `deadline_time` only re-arms a timer at start. `retry_count` counts the attempts in a row that failed through the
    machinery, not the work. `resume_after_stop`: the task goes on once the attempt that is being stopped, or waits, is
    over. `revived_from` has where it goes back to when nothing is left of the inputs that alone sent it on. The commits
    are where it last pushed its branch, and its last checkpoint; empty before. With `usage`, `request_count` and
    `worked_us` are what it spent of its allowance.
    """

    # A tuple, as an attempt is: to change one field of so many takes a frozen dataclass four times as long.

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
    wait_reason: WaitReason | None
    resume_time: int | None
    deadline_time: int | None
    required_labels: Mapping[str, str]
    retry_count: int
    resume_after_stop: bool
    queue_time: int
    created_time: int
    started_time: int | None
    completed_time: int | None
    prompt: str
    revived_from: Revival | None = None
    head_commit: str = ""
    checkpoint_commit: str = ""
    blocked_hosts: tuple[str, ...] = ()
    model_choice: ModelChoice = NO_CHOICE
    allowance: Allowance = NO_LIMIT
    request_count: int = 0
    worked_us: int = 0


def by_id(task_id: str) -> Query[Task]:
    """The task, whoever's it is."""
    return Query(f"{SELECT} WHERE task_id = :task_id", of_row, {"task_id": task_id})


def among(task_ids: Sequence[str]) -> Query[Task]:
    """These tasks."""
    return Query(
        f"{SELECT} JOIN json_each(:ids) AS asked ON asked.value = task_id", of_row, {"ids": json.dumps(list(task_ids))}
    )


def of_user(task_id: str, user_id: str) -> Query[Task]:
    """The user's task."""
    return Query(
        f"{SELECT} WHERE task_id = :task_id AND user_id = :user_id",
        of_row,
        {"task_id": task_id, "user_id": user_id},
    )


def page(user_id: str, *, after: Place, limit: int) -> Query[Task]:
    """The user's tasks after a place, newest first."""
    return Query(
        f"""
        {SELECT}
        WHERE user_id = :user_id AND (created_time, task_id) < (:after_time, :after_id)
        ORDER BY created_time DESC, task_id DESC
        LIMIT :limit
        """,
        of_row,
        {"user_id": user_id, "after_time": after.time_us, "after_id": after.key, "limit": limit},
    )


def pending_of_project(project_id: str) -> Query[Task]:
    """The project's pending tasks."""
    return Query(f"{SELECT} WHERE project_id = :project_id AND status = 'pending'", of_row, {"project_id": project_id})


def waits(task_id: str) -> Query[bool]:
    """Whether the task waits for a person or a quota."""
    return Query(
        "SELECT EXISTS (SELECT 1 FROM tasks WHERE task_id = :task_id AND status = 'waiting') AS found",
        lambda row: bool(row["found"]),
        {"task_id": task_id},
    )


def insert(tx: Tx, task: Task) -> None:
    """Store a new task."""
    tx.run(
        """
        INSERT INTO tasks (
            task_id, user_id, project_id, status, status_reason, branch, required_labels, deadline_time, queue_time,
            created_time, prompt, allowance, model_choice
        )
        VALUES (
            :task_id, :user_id, :project_id, :status, :status_reason, :branch, :required_labels, :deadline_time,
            :queue_time, :created_time, :prompt, :allowance, :model_choice
        )
        """,
        {
            "task_id": task.task_id,
            "user_id": task.user_id,
            "project_id": task.project_id,
            "status": task.status,
            "status_reason": task.status_reason,
            "branch": task.branch,
            "required_labels": json.dumps(dict(task.required_labels), sort_keys=True),
            "deadline_time": task.deadline_time,
            "queue_time": task.queue_time,
            "created_time": task.created_time,
            "prompt": task.prompt,
            "model_choice": model_choices.to_text(task.model_choice),
            "allowance": allowance_to_text(task.allowance),
        },
    )


def set_status(tx: Tx, task: Task) -> None:
    """Store where the task stands, and the times that follow from it."""
    tx.run(
        """
        UPDATE tasks
        SET status = :status, status_reason = :status_reason, failure_reason = :failure_reason,
            wait_reason = :wait_reason, resume_time = :resume_time, deadline_time = :deadline_time,
            retry_count = :retry_count, queue_time = :queue_time, started_time = :started_time,
            completed_time = :completed_time, resume_after_stop = :resume_after_stop, revived_from = :revived_from
        WHERE task_id = :task_id
        """,
        {
            "task_id": task.task_id,
            "status": task.status,
            "status_reason": task.status_reason,
            "failure_reason": task.failure_reason,
            "wait_reason": task.wait_reason,
            "resume_time": task.resume_time,
            "deadline_time": task.deadline_time,
            "retry_count": task.retry_count,
            "queue_time": task.queue_time,
            "started_time": task.started_time,
            "completed_time": task.completed_time,
            "resume_after_stop": task.resume_after_stop,
            "revived_from": revivals.to_text(task.revived_from),
        },
    )


def set_resume_after_stop(tx: Tx, task_id: str, *, resume: bool, revival: Revival | None = None) -> None:
    """Note whether the task goes on once the attempt that is being stopped, or waits, is over; `revival` where only
    inputs have it go on."""
    tx.run(
        "UPDATE tasks SET resume_after_stop = :resume, revived_from = :revival WHERE task_id = :task_id",
        {"task_id": task_id, "resume": resume, "revival": revivals.to_text(revival)},
    )


def forget_revival(tx: Tx, task_id: str) -> None:
    """The task goes on whatever becomes of the inputs that sent it on."""
    tx.run("UPDATE tasks SET revived_from = NULL WHERE task_id = :task_id", {"task_id": task_id})


def set_deadline(tx: Tx, task_id: str, deadline_time: int) -> None:
    """Give where the task stands more time."""
    tx.run(
        "UPDATE tasks SET deadline_time = :deadline_time WHERE task_id = :task_id",
        {"task_id": task_id, "deadline_time": deadline_time},
    )


def forget_retries(tx: Tx, task_id: str) -> None:
    """The machinery is not to be blamed any more."""
    tx.run("UPDATE tasks SET retry_count = 0 WHERE task_id = :task_id AND retry_count > 0", {"task_id": task_id})


def set_allowance(tx: Tx, task_id: str, allowance: Allowance) -> None:
    """What the task may spend from now on."""
    tx.run(
        "UPDATE tasks SET allowance = :allowance WHERE task_id = :task_id",
        {"task_id": task_id, "allowance": allowance_to_text(allowance)},
    )


def set_prompt(tx: Tx, task_id: str, prompt: str) -> None:
    """Replace what the task began with."""
    tx.run("UPDATE tasks SET prompt = :prompt WHERE task_id = :task_id", {"task_id": task_id, "prompt": prompt})


def of_row(row: Iterable[Any]) -> Task:
    """A row of SELECT."""
    # By place: by name SQLite's rows look through all their columns for each.
    (
        task_id,
        user_id,
        project_id,
        status,
        status_reason,
        failure_reason,
        branch,
        pull_request_url,
        container_id,
        input_tokens,
        cache_write_tokens,
        cache_read_tokens,
        output_tokens,
        cost_nanodollars,
        diff_files,
        diff_insertions,
        diff_deletions,
        wait_reason,
        resume_time,
        deadline_time,
        required_labels,
        retry_count,
        resume_after_stop,
        revived_from,
        queue_time,
        created_time,
        started_time,
        completed_time,
        blocked_hosts,
        prompt,
        head_commit,
        checkpoint_commit,
        allowance,
        request_count,
        worked_us,
        model_choice,
    ) = row
    return Task(
        task_id=task_id,
        user_id=user_id,
        project_id=project_id,
        status=TaskStatus(status),
        status_reason=status_reason,
        failure_reason=FailureReason(failure_reason) if failure_reason else None,
        branch=branch,
        pull_request_url=pull_request_url,
        container_id=container_id,
        usage=Usage(input_tokens, cache_write_tokens, cache_read_tokens, output_tokens, cost_nanodollars),
        diff_stat=None if diff_files is None else DiffStat(diff_files, diff_insertions, diff_deletions),
        wait_reason=WaitReason(wait_reason) if wait_reason else None,
        resume_time=resume_time,
        deadline_time=deadline_time,
        required_labels={} if required_labels == "{}" else json.loads(required_labels),
        retry_count=retry_count,
        resume_after_stop=bool(resume_after_stop),
        queue_time=queue_time,
        created_time=created_time,
        started_time=started_time,
        completed_time=completed_time,
        prompt=prompt,
        revived_from=revivals.from_text(revived_from),
        head_commit=head_commit,
        checkpoint_commit=checkpoint_commit,
        model_choice=model_choices.from_text(model_choice),
        blocked_hosts=() if blocked_hosts == "[]" else tuple(json.loads(blocked_hosts)),
        allowance=allowance_from_text(allowance),
        request_count=request_count,
        worked_us=worked_us,
    )
