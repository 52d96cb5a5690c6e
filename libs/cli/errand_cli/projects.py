"""`errand project`: the repositories that tasks are about."""

from typing import Annotated

import typer

from errand.v1.account_service_pb2 import CreateProjectRequest
from errand_cli import completing, project_names, project_view
from errand_cli.connection import Connection
from errand_cli.output import Output
from errand_cli.running import AsJson, with_scheduler
from errand_common.wire import to_json

app = typer.Typer(no_args_is_help=True, help="Add repositories that tasks may be about, and see them.")


@app.command("list")
def list_projects(as_json: AsJson = False) -> None:
    """List your projects, the newest first."""
    output = Output(as_json=as_json)

    async def work(connection: Connection) -> None:
        found = await project_names.every(connection)
        if as_json:
            output.document({"projects": [to_json(each) for each in found]})
        else:
            project_view.table(output, found)

    with_scheduler(work)


@app.command()
def add(
    repository: Annotated[str, typer.Argument(help="owner/name at GitHub, or the https address at another git host.")],
    as_json: AsJson = False,
) -> None:
    """Make a repository a project of yours, if you may push there; one that is yours already stays as it is."""
    request = (
        CreateProjectRequest(repo_url=repository)
        if "://" in repository
        else CreateProjectRequest(repository=repository)
    )

    async def work(connection: Connection) -> None:
        made = (await connection.ask(connection.accounts.CreateProject, request)).project
        Output(as_json=as_json).done(to_json(made), f"{made.repository} is a project of yours ({made.project_id})")

    with_scheduler(work)


@app.command()
def show(
    project: Annotated[
        str, typer.Argument(help="owner/name of its repository, or prj_...", autocompletion=completing.projects)
    ],
    as_json: AsJson = False,
) -> None:
    """Show one project with its settings, which the page and the REST API change."""
    output = Output(as_json=as_json)

    async def work(connection: Connection) -> None:
        found = await project_names.one(connection, project)
        if as_json:
            output.document(to_json(found))
        else:
            project_view.fields(output, found)

    with_scheduler(work)
