"""Projects as tables and fields."""

from collections.abc import Iterable, Mapping

from errand.v1.task_pb2 import Project
from errand_cli import words
from errand_cli.output import Output, first_line
from errand_common.wire import Json, to_json


def table(output: Output, projects: Iterable[Project]) -> None:
    """One a row."""
    rows = [
        (each.repository, each.default_branch, words.age(to_json(each).get("created_time")), each.project_id)
        for each in projects
    ]
    output.table(("PROJECT", "BRANCH", "ADDED", "ID"), rows)


def fields(output: Output, project: Project) -> None:
    """One, with what was set of it."""
    told = to_json(project)
    model, egress = project.model_choice, project.egress
    dollars = project.allowance.cost_nanodollars / 1e9
    output.fields(
        (
            ("project", f"{project.repository} ({project.project_id})"),
            ("address", project.repo_url),
            ("branch", project.default_branch),
            ("added", words.age(told.get("created_time"))),
            ("image", project.image),
            ("setup script", first_line(project.setup_script)),
            ("check", first_line(project.check.script)),
            (
                "model",
                " ".join(each for each in (model.model, words.text(_of(told, "model_choice", "effort"))) if each),
            ),
            ("a task may spend", f"${dollars:.2f}" if dollars else ""),
            ("network", " ".join((words.phrase(_of(told, "egress", "mode")), *egress.presets, *egress.hosts))),
            ("reads", " ".join(project.read_repositories)),
            ("pull requests", "drafts" if project.draft_pull_requests else ""),
        )
    )


def _of(told: dict[str, Json], name: str, field: str) -> Json:
    inner = told[name]
    return inner.get(field) if isinstance(inner, Mapping) else None
