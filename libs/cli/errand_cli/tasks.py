"""`errand task`: tasks are created, listed, read, watched, added to, stopped and sent on."""

import sys
from contextlib import aclosing
from enum import StrEnum
from typing import Annotated

import typer

from errand.v1 import task_pb2
from errand.v1.task_service_pb2 import (
    AddInputRequest,
    CreateTaskRequest,
    ExplainPendingRequest,
    GetTaskRequest,
    ListTasksRequest,
    RetryTaskRequest,
    StopTaskRequest,
)
from errand_cli import completing, project_names, task_view
from errand_cli.connection import Connection
from errand_cli.exits import Exit
from errand_cli.labels import labels_of
from errand_cli.output import Output
from errand_cli.running import AsJson, new_request_id, with_scheduler
from errand_cli.watched import watched
from errand_common.values import Effort
from errand_common.wire import number, to_json

app = typer.Typer(no_args_is_help=True, help="Send tasks, watch them, and go on with them.")

TaskId = Annotated[str, typer.Argument(metavar="TASK", help="The task's id, tsk_...", autocompletion=completing.tasks)]
Follow = Annotated[bool, typer.Option("--follow", help="Go on past a question, until the task ends.")]
_PAGE = 100


class Kind(StrEnum):
    """When what is added reaches Claude."""

    QUEUE = "queue"
    STEER = "steer"
    ANSWER = "answer"


@app.command()
def create(
    project: Annotated[
        str,
        typer.Argument(
            help="owner/name of a repository that is a project of yours, or prj_...", autocompletion=completing.projects
        ),
    ],
    prompt: Annotated[str, typer.Argument(help="What is to be done; - or nothing: read from standard input.")] = "-",
    model: Annotated[str, typer.Option(help="The model, in place of the project's.")] = "",
    effort: Annotated[Effort | None, typer.Option(help="How much effort it puts into it.")] = None,
    dollars: Annotated[float, typer.Option(help="What it may spend; 0: as the project says.", min=0)] = 0,
    label: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE that its runner must have; may be repeated.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Watch it until it ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a task."""
    output = Output(as_json=as_json)
    words = sys.stdin.read() if prompt == "-" else prompt
    request = CreateTaskRequest(
        request_id=new_request_id(),
        prompt=words,
        required_labels=labels_of(label or ()),
        model_choice=task_pb2.ModelChoice(model=model, effort=number(task_pb2.Effort, effort)),
        allowance=task_pb2.Allowance(cost_nanodollars=round(dollars * 1e9)) if dollars else None,
    )

    async def work(connection: Connection) -> Exit:
        request.project_id = await project_names.named(connection, project)
        task = (await connection.ask(connection.tasks.CreateTask, request)).task
        if watch:
            return await watched(connection, task.task_id, output, follow=False)
        if as_json:
            output.document(to_json(task))
        else:
            output.say(task.task_id)
        return Exit.DONE

    raise typer.Exit(with_scheduler(work))


@app.command("list")
def list_tasks(
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    """List your tasks, the newest first."""
    output = Output(as_json=as_json)

    async def work(connection: Connection) -> None:
        tasks = await _newest(connection, limit)
        if as_json:
            output.document({"tasks": [to_json(task) for task in tasks]})
            return
        names = await project_names.names(connection)
        task_view.table(output, tasks, names)

    with_scheduler(work)


@app.command()
def show(task: TaskId, as_json: AsJson = False) -> None:
    """Show one task: where it stands, and what it came to."""
    output = Output(as_json=as_json)

    async def work(connection: Connection) -> None:
        found = (await connection.ask(connection.tasks.GetTask, GetTaskRequest(task_id=task))).task
        if as_json:
            output.document(to_json(found))
            return
        names = await project_names.names(connection)
        task_view.fields(output, found, names.get(found.project_id, found.project_id))

    with_scheduler(work)


@app.command()
def watch(task: TaskId, follow: Follow = False, as_json: AsJson = False) -> None:
    """Replay a task and follow it until it ends, or waits for you. With --json: one object a line."""
    output = Output(as_json=as_json)
    raise typer.Exit(with_scheduler(lambda connection: watched(connection, task, output, follow=follow)))


@app.command("input")
def add_input(
    task: TaskId,
    text: Annotated[str, typer.Argument(help="What you want to say; - or nothing: read from standard input.")] = "-",
    kind: Annotated[
        Kind, typer.Option(help="queue: after the turn; steer: at once; answer: to its question.")
    ] = Kind.QUEUE,
    as_json: AsJson = False,
) -> None:
    """Add something to a task; one that had ended goes on."""
    request = AddInputRequest(
        request_id=new_request_id(),
        task_id=task,
        text=sys.stdin.read() if text == "-" else text,
        kind=number(task_pb2.InputKind, kind),
    )

    async def work(connection: Connection) -> None:
        _tell(Output(as_json=as_json), (await connection.ask(connection.tasks.AddInput, request)).task)

    with_scheduler(work)


@app.command()
def stop(task: TaskId, as_json: AsJson = False) -> None:
    """Stop a task; what it did is kept."""

    async def work(connection: Connection) -> None:
        request = StopTaskRequest(task_id=task, request_id=new_request_id())
        _tell(Output(as_json=as_json), (await connection.ask(connection.tasks.StopTask, request)).task)

    with_scheduler(work)


@app.command()
def retry(task: TaskId, as_json: AsJson = False) -> None:
    """Send a task on that failed, was stopped, or waits."""

    async def work(connection: Connection) -> None:
        request = RetryTaskRequest(task_id=task, request_id=new_request_id())
        _tell(Output(as_json=as_json), (await connection.ask(connection.tasks.RetryTask, request)).task)

    with_scheduler(work)


@app.command()
def explain(task: TaskId, as_json: AsJson = False) -> None:
    """Say why a task waits, and what each runner lacks for it."""
    output = Output(as_json=as_json)

    async def work(connection: Connection) -> None:
        found = await connection.ask(connection.tasks.ExplainPending, ExplainPendingRequest(task_id=task))
        if as_json:
            output.document(to_json(found))
            return
        output.say(found.reason)
        if found.runners:
            output.table(("RUNNER", "LACKS"), [(each.runner, each.reason or "nothing") for each in found.runners])

    with_scheduler(work)


async def _newest(connection: Connection, limit: int) -> list[task_pb2.Task]:
    found: list[task_pb2.Task] = []
    asked = ListTasksRequest(page_size=min(limit, _PAGE))
    async with aclosing(connection.pages(connection.tasks.ListTasks, asked)) as pages:
        async for page in pages:
            found += page.tasks
            if len(found) >= limit:
                break
    return found[:limit]


def _tell(output: Output, task: task_pb2.Task) -> None:
    told = to_json(task)
    if output.as_json:
        output.document(told)
    else:
        output.say(f"{task.task_id} is {told['status']}{f': {task.status_reason}' if task.status_reason else ''}")
