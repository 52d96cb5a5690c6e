"""Projects: repositories that a user works on."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from errand_common.values import Effort, EgressMode, ThinkingDisplay
from errand_scheduler.presets import DEFAULT
from errand_scheduler.store.allowance import NO_LIMIT, Allowance, from_text, to_text
from errand_scheduler.store.checks import UNCHECKED, Check
from errand_scheduler.store.model_choices import NO_CHOICE, ModelChoice
from errand_scheduler.store.paging import Place
from errand_scheduler.store.query import Query
from errand_scheduler.store.transaction import Tx

_SELECT = """
    SELECT project_id, user_id, repo_url, repository, default_branch, created_time, image, setup_script, egress_mode,
    egress_presets, egress_hosts, git_host, read_repositories, model, effort, thinking_display,
    fallback_model, check_script,
    check_limit_us, allowance, draft_pull_requests
    FROM projects
"""
_OF_TASK = "(SELECT project_id FROM tasks WHERE task_id = :task_id)"


@dataclass(frozen=True)
class Egress:
    """What a project's tasks reach: names of presets and hosts of its own, sorted, count in the mode of a list."""

    mode: EgressMode = EgressMode.ALLOW_LIST
    presets: tuple[str, ...] = DEFAULT
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Project:
    """A repository of a user's. `git_host` is empty for GitHub."""

    project_id: str
    user_id: str
    repo_url: str
    repository: str
    default_branch: str
    created_time: int
    image: str = ""
    setup_script: str = ""
    git_host: str = ""
    egress: Egress = Egress()
    read_repositories: tuple[str, ...] = ()
    model_choice: ModelChoice = NO_CHOICE
    check: Check = UNCHECKED
    allowance: Allowance = NO_LIMIT
    draft_pull_requests: bool = False


def by_id(project_id: str) -> Query[Project]:
    """The project, whoever's it is."""
    return Query(f"{_SELECT} WHERE project_id = :project_id", _project, {"project_id": project_id})


def among(project_ids: Sequence[str]) -> Query[Project]:
    """These projects."""
    return Query(
        f"{_SELECT} JOIN json_each(:ids) AS asked ON asked.value = project_id",
        _project,
        {"ids": json.dumps(list(project_ids))},
    )


def of_task(task_id: str) -> Query[Project]:
    """The task's project."""
    return Query(f"{_SELECT} WHERE project_id = {_OF_TASK}", _project, {"task_id": task_id})


def by_repository(user_id: str, repository: str) -> Query[Project]:
    """The user's project of a repository; the case of the name does not matter."""
    return Query(
        f"{_SELECT} WHERE user_id = :user_id AND repository = :repository",
        _project,
        {"user_id": user_id, "repository": repository},
    )


def page(user_id: str, *, after: Place, limit: int) -> Query[Project]:
    """The user's projects after a place, newest first."""
    return Query(
        f"""
        {_SELECT}
        WHERE user_id = :user_id AND (created_time, project_id) < (:after_time, :after_id)
        ORDER BY created_time DESC, project_id DESC
        LIMIT :limit
        """,
        _project,
        {"user_id": user_id, "after_time": after.time_us, "after_id": after.key, "limit": limit},
    )


def insert(tx: Tx, project: Project) -> None:
    """Store a new project."""
    tx.run(
        """
        INSERT INTO projects (
            project_id, user_id, repo_url, repository, default_branch, created_time, image, setup_script,
            egress_mode, egress_presets, egress_hosts, git_host
        )
        VALUES (
            :project_id, :user_id, :repo_url, :repository, :default_branch, :created_time, :image, :setup_script,
            :egress_mode, :egress_presets, :egress_hosts, :git_host
        )
        """,
        {
            "project_id": project.project_id,
            "user_id": project.user_id,
            "repo_url": project.repo_url,
            "repository": project.repository,
            "default_branch": project.default_branch,
            "created_time": project.created_time,
            "image": project.image,
            "setup_script": project.setup_script,
            "git_host": project.git_host,
            **_columns(project.egress),
        },
    )


def set_default_branch(tx: Tx, project_id: str, default_branch: str) -> None:
    """Follow a repository whose default branch was changed."""
    tx.run(
        "UPDATE projects SET default_branch = :branch WHERE project_id = :project_id",
        {"project_id": project_id, "branch": default_branch},
    )


def rename(tx: Tx, project_id: str, *, repository: str, repo_url: str) -> None:
    """Follow a repository that has another name."""
    tx.run(
        "UPDATE projects SET repository = :repository, repo_url = :repo_url WHERE project_id = :project_id",
        {"project_id": project_id, "repository": repository, "repo_url": repo_url},
    )


def set_settings(tx: Tx, project_id: str, *, image: str, setup_script: str, read_repositories: Sequence[str]) -> None:
    """What the project's next attempts go by."""
    tx.run(
        """
        UPDATE projects SET image = :image, setup_script = :setup_script, read_repositories = :read_repositories
        WHERE project_id = :project_id
        """,
        {
            "project_id": project_id,
            "image": image,
            "setup_script": setup_script,
            "read_repositories": json.dumps(list(read_repositories)),
        },
    )


def set_egress(tx: Tx, project_id: str, egress: Egress) -> None:
    """What the project's tasks reach from now on."""
    tx.run(
        """
        UPDATE projects
        SET egress_mode = :egress_mode, egress_presets = :egress_presets, egress_hosts = :egress_hosts
        WHERE project_id = :project_id
        """,
        {"project_id": project_id, **_columns(egress)},
    )


def set_model_choice(tx: Tx, project_id: str, choice: ModelChoice) -> None:
    """Which model the project's new tasks are for."""
    tx.run(
        """
        UPDATE projects
        SET model = :model, effort = :effort, thinking_display = :thinking_display, fallback_model = :fallback_model
        WHERE project_id = :project_id
        """,
        {
            "project_id": project_id,
            "model": choice.model,
            "effort": choice.effort or "",
            "thinking_display": choice.thinking_display or "",
            "fallback_model": choice.fallback_model,
        },
    )


def set_allowance(tx: Tx, project_id: str, allowance: Allowance) -> None:
    """What each of the project's new tasks may spend."""
    tx.run(
        "UPDATE projects SET allowance = :allowance WHERE project_id = :project_id",
        {"project_id": project_id, "allowance": to_text(allowance)},
    )


def set_draft_pull_requests(tx: Tx, project_id: str, *, draft: bool) -> None:
    """Whether the project's next pull requests are opened as drafts."""
    tx.run(
        "UPDATE projects SET draft_pull_requests = :draft WHERE project_id = :project_id",
        {"project_id": project_id, "draft": draft},
    )


def _columns(egress: Egress) -> dict[str, str]:
    return {
        "egress_mode": egress.mode,
        "egress_presets": json.dumps(egress.presets),
        "egress_hosts": json.dumps(egress.hosts),
    }


def _project(row: sqlite3.Row) -> Project:
    return Project(
        project_id=row["project_id"],
        user_id=row["user_id"],
        repo_url=row["repo_url"],
        repository=row["repository"],
        default_branch=row["default_branch"],
        created_time=row["created_time"],
        image=row["image"],
        setup_script=row["setup_script"],
        git_host=row["git_host"],
        egress=Egress(
            mode=EgressMode(row["egress_mode"]),
            presets=tuple(json.loads(row["egress_presets"])),
            hosts=tuple(json.loads(row["egress_hosts"])),
        ),
        read_repositories=tuple(json.loads(row["read_repositories"])),
        model_choice=ModelChoice(
            row["model"],
            Effort(row["effort"]) if row["effort"] else None,
            ThinkingDisplay(row["thinking_display"]) if row["thinking_display"] else None,
            row["fallback_model"],
        ),
        check=Check(row["check_script"], row["check_limit_us"] / 1e6),
        allowance=from_text(row["allowance"]),
        draft_pull_requests=bool(row["draft_pull_requests"]),
    )
