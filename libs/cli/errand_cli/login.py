"""`errand login` and `errand logout`: a pasted token is tried, then kept for the commands to come."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from errand.v1.account_service_pb2 import GetMeRequest
from errand_cli import profile
from errand_cli.connection import connect
from errand_cli.output import Output
from errand_cli.profile import Profile
from errand_cli.running import AsJson
from errand_common.errors import Denied, Invalid

Scheduler = Annotated[
    str, typer.Option(envvar=profile.ADDRESS, help="The scheduler's host:port; else it is asked for.")
]
CaFile = Annotated[
    Path | None, typer.Option(envvar=profile.CA_FILE, help="The scheduler's ca.pem (its data folder, tls/ca.pem).")
]
TokenFile = Annotated[
    str, typer.Option(help="A file with the token, or - for standard input; else ERRAND_TOKEN, else it is asked for.")
]


def login(
    scheduler: Scheduler = "", ca_file: CaFile = None, token_file: TokenFile = "", as_json: AsJson = False
) -> None:
    """Keep where the scheduler is and a token for it, once it was seen to be good."""
    output = Output(as_json=as_json)
    given = Profile(
        scheduler=profile.checked_address(scheduler or _asked("Scheduler (host:port)")),
        ca=profile.read_ca(ca_file or Path(_asked("File with the scheduler's certificate (ca.pem)"))),
        token=_token(token_file),
    )
    who = asyncio.run(_who(given))
    place = profile.save(given, os.environ)
    if as_json:
        output.document({"scheduler": given.scheduler, "github_username": who, "profile": str(place)})
    else:
        output.say(f"signed in at {given.scheduler}{f' as {who}' if who else ''}; kept in {place}")


def logout(as_json: AsJson = False) -> None:
    """Forget what errand login kept. The token stays good: revoke it to end it."""
    found = profile.forget(os.environ)
    output = Output(as_json=as_json)
    if as_json:
        output.document({"forgotten": found})
    else:
        output.say("signed out here" if found else "nobody was signed in here")


async def _who(given: Profile) -> str:
    """The person behind a token; empty for one that is nobody's. Raises Unauthenticated for one that is not good."""
    async with connect(given) as connection:
        try:
            return (await connection.ask(connection.accounts.GetMe, GetMeRequest())).user.github_username
        except Denied:
            # Known, and for other things.
            return ""


def _token(token_file: str) -> str:
    if token_file == "-":  # noqa: S105  not one, but where it is read from
        found = sys.stdin.readline()
    elif token_file:
        try:
            found = Path(token_file).read_text()
        except (OSError, UnicodeDecodeError) as exc:
            raise Invalid(f"the token in {token_file} cannot be read ({exc})") from exc
    else:
        found = os.environ.get(profile.TOKEN) or _asked("Token", hidden=True)
    if not found.strip() or not found.strip().isascii():
        raise Invalid("that is no token; it is one word in ASCII, such as ers_...")
    return found.strip()


def _asked(what: str, *, hidden: bool = False) -> str:
    if not sys.stdin.isatty():
        raise Invalid(f"{what}: nobody is here to ask; give it by option or environment (errand login --help)")
    return str(typer.prompt(what, hide_input=hidden, err=True))
