"""A project's secrets: what is known of each, and its value as the vault sealed it."""

import sqlite3
from dataclasses import dataclass, field

from errand_scheduler.store.query import Query, number
from errand_scheduler.store.transaction import Tx

_SELECT = """
    SELECT secret_id, project_id, name, sealed_value, size_bytes, agent_may_read, set_time
    FROM project_secrets
"""


@dataclass(frozen=True)
class ProjectSecret:
    """One of them. Another value has another id."""

    secret_id: str
    project_id: str
    name: str
    sealed_value: str = field(repr=False)
    size_bytes: int
    agent_may_read: bool
    set_time: int


def of_project(project_id: str) -> Query[ProjectSecret]:
    """All of a project, by name."""
    return Query(f"{_SELECT} WHERE project_id = :project_id ORDER BY name", _secret, {"project_id": project_id})


def by_name(project_id: str, name: str) -> Query[ProjectSecret]:
    """The project's secret of this name."""
    return Query(
        f"{_SELECT} WHERE project_id = :project_id AND name = :name",
        _secret,
        {"project_id": project_id, "name": name},
    )


def size_of_others(project_id: str, name: str) -> Query[int]:
    """How many bytes the values of the project's other secrets have together."""
    return Query(
        """
        SELECT coalesce(sum(size_bytes), 0) FROM project_secrets WHERE project_id = :project_id AND name != :name
        """,
        number,
        {"project_id": project_id, "name": name},
    )


def count_of_others(project_id: str, name: str) -> Query[int]:
    """How many other secrets the project has."""
    return Query(
        "SELECT count(*) FROM project_secrets WHERE project_id = :project_id AND name != :name",
        number,
        {"project_id": project_id, "name": name},
    )


def put(tx: Tx, secret: ProjectSecret) -> None:
    """Store it in the place of the one of its name."""
    remove(tx, secret.project_id, secret.name)
    tx.run(
        """
        INSERT INTO project_secrets (
            secret_id, project_id, name, sealed_value, size_bytes, agent_may_read, set_time
        )
        VALUES (:secret_id, :project_id, :name, :sealed_value, :size_bytes, :agent_may_read, :set_time)
        """,
        {
            "secret_id": secret.secret_id,
            "project_id": secret.project_id,
            "name": secret.name,
            "sealed_value": secret.sealed_value,
            "size_bytes": secret.size_bytes,
            "agent_may_read": secret.agent_may_read,
            "set_time": secret.set_time,
        },
    )


def remove(tx: Tx, project_id: str, name: str) -> None:
    """It is gone, if it was there."""
    tx.run(
        "DELETE FROM project_secrets WHERE project_id = :project_id AND name = :name",
        {"project_id": project_id, "name": name},
    )


def _secret(row: sqlite3.Row) -> ProjectSecret:
    return ProjectSecret(
        secret_id=row["secret_id"],
        project_id=row["project_id"],
        name=row["name"],
        sealed_value=row["sealed_value"],
        size_bytes=row["size_bytes"],
        agent_may_read=bool(row["agent_may_read"]),
        set_time=row["set_time"],
    )
