"""Tasks as tables and fields."""

from collections.abc import Iterable, Mapping

from errand.v1.task_pb2 import Task
from errand_cli import words
from errand_cli.output import Output, first_line
from errand_common.wire import to_json

_PROMPT = 60


def table(output: Output, tasks: Iterable[Task], repositories: Mapping[str, str]) -> None:
    """One a row; `repositories` are those of the projects by id."""
    rows = []
    for task in tasks:
        told = to_json(task)
        where = repositories.get(task.project_id, task.project_id)
        waits = f" ({told['wait_reason']})" if told["wait_reason"] else ""
        rows.append(
            (
                task.task_id,
                f"{told['status']}{waits}",
                where,
                words.age(told.get("created_time")),
                words.cost(told.get("usage")),
                first_line(task.prompt, most=_PROMPT),
            )
        )
    output.table(("TASK", "STATUS", "PROJECT", "CREATED", "COST", "PROMPT"), rows)


def fields(output: Output, task: Task, repository: str) -> None:
    """One in full."""
    told = to_json(task)
    stat = task.diff_stat
    card = told.get("finish_card")
    result = str(card["result"]) if isinstance(card, Mapping) else ""
    output.fields(
        (
            ("task", task.task_id),
            ("status", f"{told['status']}{f': {task.status_reason}' if task.status_reason else ''}"),
            ("project", repository),
            ("created", words.age(told.get("created_time"))),
            ("branch", task.branch),
            ("pull request", task.pull_request_url),
            ("changes", f"{stat.files} files, +{stat.insertions} -{stat.deletions}" if stat.files else ""),
            ("cost", words.cost(told.get("usage"))),
            ("blocked hosts", ", ".join(task.blocked_hosts)),
            ("prompt", task.prompt.strip()),
            ("result", result.strip()),
        )
    )
