"""`errand runner token`: the line that makes one host a runner."""

from ipaddress import ip_address
from typing import Annotated

import typer

from errand.v1.fleet_service_pb2 import CreateJoinTokenRequest, ListJoinTokensRequest, RevokeJoinTokenRequest
from errand_cli import words
from errand_cli.connection import Connection
from errand_cli.labels import labels_of, pairs_of
from errand_cli.output import Output, complain
from errand_cli.running import AsJson, new_request_id, with_scheduler
from errand_common import addresses
from errand_common.wire import to_json

app = typer.Typer(no_args_is_help=True, help="Make the line that makes a host a runner.")


@app.command()
def create(
    label: Annotated[list[str] | None, typer.Option(help="KEY=VALUE that it will have; may be repeated.")] = None,
    scheduler: Annotated[str, typer.Option(help="host:port at which the host reaches the scheduler; else yours.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print the line to be pasted on the host: it works once, within an hour, and is not shown again."""
    output = Output(as_json=as_json)
    labels = labels_of(label or ())

    async def work(connection: Connection) -> None:
        address = scheduler or connection.profile.scheduler
        request = CreateJoinTokenRequest(labels=labels, scheduler=address, request_id=new_request_id())
        made = await connection.ask(connection.fleet.CreateJoinToken, request)
        # The secret is what was asked for: it is neither masked nor wrapped.
        line = f"errand-runner join --key-file FILE '{made.token}'"
        if as_json:
            output.document({**to_json(made), "line": line})
        else:
            print(line)
        if _of_this_host_alone(address):
            complain(
                f"the line says {address}, which other hosts do not reach; for those name another by --scheduler"
                " HOST:PORT, at which the scheduler listens (ERRAND_SCHEDULER_LISTEN)"
            )

    with_scheduler(work)


@app.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """List the lines that were made and can still be used, without their secrets."""
    output = Output(as_json=as_json)

    async def work(connection: Connection) -> None:
        found = await connection.ask(connection.fleet.ListJoinTokens, ListJoinTokensRequest())
        if as_json:
            output.document(to_json(found))
            return
        rows = [
            (
                each.join_token_id,
                words.ahead(to_json(each).get("expire_time")),
                each.made_by,
                pairs_of(dict(each.labels)),
            )
            for each in found.join_tokens
        ]
        output.table(("TOKEN", "EXPIRES", "MADE BY", "LABELS"), rows)

    with_scheduler(work)


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="Its id, jtk_...")],
    as_json: AsJson = False,
) -> None:
    """Make a line useless; a runner that it has made stays."""

    async def work(connection: Connection) -> None:
        await connection.ask(connection.fleet.RevokeJoinToken, RevokeJoinTokenRequest(join_token_id=token))
        Output(as_json=as_json).done({"revoked": token}, f"{token} is revoked")

    with_scheduler(work)


def _of_this_host_alone(address: str) -> bool:
    host, _ = addresses.split(address)
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
