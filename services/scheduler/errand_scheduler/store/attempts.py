"""Attempts: one row for each runner's go at a task."""

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from errand_common.values import AttemptPhase, FailureReason
from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx

SELECT = """
    SELECT attempt_id, task_id, user_id, runner_id, fence, phase, reason, failure_reason, stop_cause, disconnected,
    deadline_time, acked_sequence, created_time, accepted_time, completed_time
    FROM attempts
"""
"""An attempt's columns, for `of_row`."""
WIDTH = 15
"""How many they are."""
_LIVE = "phase IN ('offered', 'accepted', 'starting', 'running', 'stopping')"
_PROJECT = "(SELECT project_id FROM tasks WHERE tasks.task_id = attempts.task_id)"


class StopCause(StrEnum):
    """What had an attempt stopped."""

    PERSON = "person"
    DEADLINE = "deadline"
    DRAIN = "drain"


class Attempt(NamedTuple):
    """An attempt's row. `deadline_time` only re-arms a timer at start; it decides nothing while the process runs.

    One that a deadline had stopped has its `failure_reason` from then on, and keeps `stop_cause` when it is final.
    """

    attempt_id: str
    task_id: str
    user_id: str
    runner_id: str
    fence: int
    phase: AttemptPhase
    reason: str
    failure_reason: FailureReason | None
    stop_cause: StopCause | None
    disconnected: bool
    deadline_time: int | None
    acked_sequence: int
    created_time: int
    accepted_time: int | None
    completed_time: int | None


def by_id(attempt_id: str) -> Query[Attempt]:
    """The attempt."""
    return Query(f"{SELECT} WHERE attempt_id = :id", of_row, {"id": attempt_id})


def live() -> Query[Attempt]:
    """Every attempt that is not final."""
    return Query(f"{SELECT} WHERE {_LIVE}", of_row)


def live_of_task(task_id: str) -> Query[Attempt]:
    """The task's attempt that is not final: at most one."""
    return Query(f"{SELECT} WHERE task_id = :task_id AND {_LIVE}", of_row, {"task_id": task_id})


def live_of_runner(runner_id: str) -> Query[Attempt]:
    """The runner's attempts that are not final, oldest first."""
    return Query(
        f"{SELECT} WHERE runner_id = :runner_id AND {_LIVE} ORDER BY created_time, attempt_id",
        of_row,
        {"runner_id": runner_id},
    )


def live_of_project(project_id: str) -> Query[Attempt]:
    """The attempts at the project's tasks that are not final."""
    # Of the few that live: a project's finished tasks may be a hundred thousand.
    return Query(f"{SELECT} WHERE {_LIVE} AND {_PROJECT} = :project_id", of_row, {"project_id": project_id})


def live_among(attempt_ids: Sequence[str]) -> Query[Attempt]:
    """Those of these attempts that are not final, oldest first."""
    return Query(
        f"""
        {SELECT} JOIN json_each(:ids) AS asked ON asked.value = attempt_id
        WHERE {_LIVE}
        ORDER BY created_time, attempt_id
        """,
        of_row,
        {"ids": json.dumps(list(attempt_ids))},
    )


def last_runners(task_id: str, *, count: int) -> Query[str]:
    """The runners of the task's latest `count` attempts that were accepted, the latest first."""
    return Query(
        """
        SELECT runner_id FROM attempts
        WHERE task_id = :task_id AND accepted_time IS NOT NULL
        ORDER BY fence DESC
        LIMIT :count
        """,
        lambda row: str(row["runner_id"]),
        {"task_id": task_id, "count": count},
    )


def insert(tx: Tx, attempt: Attempt) -> None:
    """Store a new attempt."""
    tx.run(
        """
        INSERT INTO attempts (
            attempt_id, task_id, user_id, runner_id, fence, phase, deadline_time, created_time
        )
        VALUES (:attempt_id, :task_id, :user_id, :runner_id, :fence, :phase, :deadline_time, :created_time)
        """,
        {
            "attempt_id": attempt.attempt_id,
            "task_id": attempt.task_id,
            "user_id": attempt.user_id,
            "runner_id": attempt.runner_id,
            "fence": attempt.fence,
            "phase": attempt.phase,
            "deadline_time": attempt.deadline_time,
            "created_time": attempt.created_time,
        },
    )


def set_phase(tx: Tx, attempt: Attempt) -> None:
    """Store how far the attempt has come."""
    tx.run(
        """
        UPDATE attempts
        SET phase = :phase, reason = :reason, failure_reason = :failure_reason, stop_cause = :stop_cause,
            deadline_time = :deadline_time, accepted_time = :accepted_time, completed_time = :completed_time,
            disconnected = :disconnected, acked_sequence = :acked_sequence
        WHERE attempt_id = :attempt_id
        """,
        {
            "attempt_id": attempt.attempt_id,
            "phase": attempt.phase,
            "reason": attempt.reason,
            "failure_reason": attempt.failure_reason,
            "stop_cause": attempt.stop_cause,
            "deadline_time": attempt.deadline_time,
            "accepted_time": attempt.accepted_time,
            "completed_time": attempt.completed_time,
            "disconnected": attempt.disconnected,
            "acked_sequence": attempt.acked_sequence,
        },
    )


def set_disconnected(tx: Tx, attempt_id: str, *, disconnected: bool) -> None:
    """Mark a live attempt whose runner is away, or back."""
    tx.run(
        "UPDATE attempts SET disconnected = :disconnected WHERE attempt_id = :attempt_id",
        {"attempt_id": attempt_id, "disconnected": disconnected},
    )


def set_stop_cause(tx: Tx, attempt_id: str, cause: StopCause) -> None:
    """Note another cause for a stop that is under way."""
    tx.run(
        "UPDATE attempts SET stop_cause = :cause WHERE attempt_id = :attempt_id",
        {"attempt_id": attempt_id, "cause": cause},
    )


def set_acked(tx: Tx, attempt_id: str, sequence: int) -> None:
    """Note up to which event everything is stored."""
    tx.run(
        "UPDATE attempts SET acked_sequence = :sequence WHERE attempt_id = :attempt_id",
        {"attempt_id": attempt_id, "sequence": sequence},
    )


def of_row(row: Iterable[Any]) -> Attempt:
    """A row of SELECT."""
    # By place: by name SQLite's rows look through all their columns for each.
    (
        attempt_id,
        task_id,
        user_id,
        runner_id,
        fence,
        phase,
        reason,
        failure_reason,
        stop_cause,
        disconnected,
        deadline_time,
        acked_sequence,
        created_time,
        accepted_time,
        completed_time,
    ) = row
    return Attempt(
        attempt_id=attempt_id,
        task_id=task_id,
        user_id=user_id,
        runner_id=runner_id,
        fence=fence,
        phase=AttemptPhase(phase),
        reason=reason,
        failure_reason=FailureReason(failure_reason) if failure_reason else None,
        stop_cause=StopCause(stop_cause) if stop_cause else None,
        disconnected=bool(disconnected),
        deadline_time=deadline_time,
        acked_sequence=acked_sequence,
        created_time=created_time,
        accepted_time=accepted_time,
        completed_time=completed_time,
    )
