"""`errand runner`: which hosts take tasks, what they have, and taking one out of service."""

from typing import Annotated

import typer

from errand.v1.fleet_service_pb2 import (
    GetRunnerRequest,
    ListRunnersRequest,
    RemoveRunnerRequest,
    RevokeRunnerRequest,
    SetRunnerModeRequest,
)
from errand.v1.runner_pb2 import Runner
from errand.v1.runner_pb2 import RunnerMode as Mode
from errand_cli import completing, join_tokens, runner_view
from errand_cli.connection import Connection
from errand_cli.output import Output
from errand_cli.running import AsJson, new_request_id, with_scheduler
from errand_common.values import RunnerMode
from errand_common.wire import duration, number, to_json

app = typer.Typer(no_args_is_help=True, help="See runner hosts and take them out of service.")
app.add_typer(join_tokens.app, name="token")

Named = Annotated[
    str, typer.Argument(metavar="RUNNER", help="Its name, or its id, rnr_...", autocompletion=completing.runners)
]


@app.command("list")
def list_runners(as_json: AsJson = False) -> None:
    """List all runners: whether each is offered tasks, and if not, why."""
    output = Output(as_json=as_json)

    async def work(connection: Connection) -> None:
        found = await connection.ask(connection.fleet.ListRunners, ListRunnersRequest())
        if as_json:
            output.document(to_json(found))
        else:
            runner_view.table(output, found.runners)

    with_scheduler(work)


@app.command()
def show(runner: Named, as_json: AsJson = False) -> None:
    """Show one runner with what it has."""

    async def work(connection: Connection) -> None:
        found = await connection.ask(connection.fleet.GetRunner, GetRunnerRequest(runner=runner))
        _tell(Output(as_json=as_json), found.runner)

    with_scheduler(work)


@app.command()
def cordon(runner: Named, as_json: AsJson = False) -> None:
    """Offer it nothing more; what it has goes on."""
    _set(runner, RunnerMode.CORDONED, Output(as_json=as_json))


@app.command()
def uncordon(runner: Named, as_json: AsJson = False) -> None:
    """Offer it tasks again, also where it was drained."""
    _set(runner, RunnerMode.ACTIVE, Output(as_json=as_json))


@app.command()
def drain(
    runner: Named,
    minutes: Annotated[
        float | None, typer.Option(help="For how long what it has may go on; else until it is done.", min=0)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Offer it nothing more; what it still has after a time goes on elsewhere."""
    _set(runner, RunnerMode.DRAINING, Output(as_json=as_json), within_s=None if minutes is None else minutes * 60)


@app.command()
def revoke(runner: Named, as_json: AsJson = False) -> None:
    """Take its credential away for good, at once; what it has is given up as lost."""

    async def work(connection: Connection) -> None:
        request = RevokeRunnerRequest(runner=runner, request_id=new_request_id())
        _tell(Output(as_json=as_json), (await connection.ask(connection.fleet.RevokeRunner, request)).runner)

    with_scheduler(work)


@app.command()
def remove(
    runner: Named,
    force: Annotated[bool, typer.Option("--force", help="Although it has attempts or a session.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take it off the list, with its credential; its name is free again."""

    async def work(connection: Connection) -> None:
        request = RemoveRunnerRequest(runner=runner, request_id=new_request_id(), force=force)
        await connection.ask(connection.fleet.RemoveRunner, request)
        Output(as_json=as_json).done({"removed": runner}, f"{runner} is removed")

    with_scheduler(work)


def _set(runner: str, mode: RunnerMode, output: Output, *, within_s: float | None = None) -> None:
    async def work(connection: Connection) -> None:
        request = SetRunnerModeRequest(
            request_id=new_request_id(), runner=runner, mode=number(Mode, mode), drain_duration=duration(within_s)
        )
        _tell(output, (await connection.ask(connection.fleet.SetRunnerMode, request)).runner)

    with_scheduler(work)


def _tell(output: Output, runner: Runner) -> None:
    if output.as_json:
        output.document(to_json(runner))
    else:
        runner_view.fields(output, runner)
