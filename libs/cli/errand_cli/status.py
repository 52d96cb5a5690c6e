"""`errand status`: whether the scheduler answers, who is asking, and how one's tasks stand."""

from collections import Counter

from errand.v1.account_service_pb2 import GetMeRequest
from errand.v1.task_service_pb2 import ListTasksRequest
from errand_cli.connection import Connection
from errand_cli.output import Output
from errand_cli.running import AsJson, with_scheduler
from errand_common.errors import Denied
from errand_common.wire import Json, to_json

_TASKS = 100


def status(as_json: AsJson = False) -> None:
    """Say whether the scheduler answers, who you are to it, and how your last 100 tasks stand."""
    output = Output(as_json=as_json)

    async def work(connection: Connection) -> None:
        who, tasks = await _who(connection), await _tasks(connection)
        told: dict[str, Json] = {"scheduler": connection.profile.scheduler, "github_username": who, "tasks": tasks}
        if as_json:
            output.document(told)
            return
        counted = ", ".join(f"{count} {word}" for word, count in sorted((tasks or {}).items()))
        output.fields(
            (
                ("scheduler", f"{connection.profile.scheduler} answers"),
                ("you", who or "a token that is no person's"),
                ("tasks", counted or "none, or not for this token"),
            )
        )

    with_scheduler(work)


async def _who(connection: Connection) -> str:
    try:
        return (await connection.ask(connection.accounts.GetMe, GetMeRequest())).user.github_username
    except Denied:
        return ""


async def _tasks(connection: Connection) -> dict[str, Json] | None:
    """How many stand how; None where the token may not read them."""
    try:
        page = await connection.ask(connection.tasks.ListTasks, ListTasksRequest(page_size=_TASKS))
    except Denied:
        return None
    return dict(Counter(str(to_json(task)["status"]) for task in page.tasks))
