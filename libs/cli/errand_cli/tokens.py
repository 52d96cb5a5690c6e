"""`errand token`: what a program calls with, made with no more than it needs and revoked at once."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from errand.v1.access_service_pb2 import CreateTokenRequest, ListTokensRequest, RevokeTokenRequest, Token
from errand_cli import user_names, words
from errand_cli.connection import Connection
from errand_cli.output import Output
from errand_cli.running import AsJson, new_request_id, with_scheduler
from errand_common.errors import NotFound
from errand_common.wire import Json, to_json

app = typer.Typer(no_args_is_help=True, help="Make and revoke tokens for programs.")
_PAGE = 100


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What you call it: 1 to 32 of a-z, 0-9 and -.")],
    scope: Annotated[list[str], typer.Option(help="Such as tasks:read; may be repeated.")],
    days: Annotated[float | None, typer.Option(help="For how many days it is good; else until it is revoked.")] = None,
    user: Annotated[
        str, typer.Option(help="Whom it acts for: me, a name, or usr_...; empty: nobody, a service's.")
    ] = "me",
    as_json: AsJson = False,
) -> None:
    """Make a token and print it: it is not shown again."""
    expires = None if days is None else _in(days)

    async def work(connection: Connection) -> None:
        user_id = await user_names.identified(connection, user)
        request = CreateTokenRequest(
            name=name, scopes=scope, expire_time=expires, user_id=user_id, request_id=new_request_id()
        )
        made = await connection.ask(connection.access.CreateToken, request)
        # The secret is what was asked for: it is neither masked nor wrapped.
        if as_json:
            Output(as_json=True).document(to_json(made))
        else:
            print(made.secret)

    with_scheduler(work)


@app.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """List the tokens that are good, without their secrets: your own, or everybody's to an admin."""
    output = Output(as_json=as_json)

    async def work(connection: Connection) -> None:
        found = await _every(connection)
        if as_json:
            told: list[Json] = [to_json(token) for token in found]
            output.document({"tokens": told})
            return
        rows = [
            (
                each.token_id,
                each.name,
                each.user_id or "nobody",
                words.age(to_json(each).get("created_time")),
                words.ahead(to_json(each).get("expire_time")) or "never",
                " ".join(each.scopes),
            )
            for each in found
        ]
        output.table(("TOKEN", "NAME", "ACTS FOR", "MADE", "EXPIRES", "SCOPES"), rows)

    with_scheduler(work)


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(help="Its id, stk_..., or its name where only one has it.")],
    as_json: AsJson = False,
) -> None:
    """End a token at once, with the streams that it has open."""

    async def work(connection: Connection) -> None:
        token_id = token if token.startswith("stk_") else await _named(connection, token)
        await connection.ask(connection.access.RevokeToken, RevokeTokenRequest(token_id=token_id))
        Output(as_json=as_json).done({"revoked": token_id}, f"{token} is revoked")

    with_scheduler(work)


async def _named(connection: Connection, name: str) -> str:
    found = [each.token_id for each in await _every(connection) if each.name == name]
    if len(found) != 1:
        raise NotFound(f"{len(found)} tokens are called {name[:40]}; give an id of errand token list")
    return found[0]


async def _every(connection: Connection) -> list[Token]:
    pages = connection.pages(connection.access.ListTokens, ListTokensRequest(page_size=_PAGE))
    return [token async for page in pages for token in page.tokens]


def _in(days: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    return stamp
