"""What all commands share: the option for scripts, and a line to the scheduler while one runs."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, TypeVar
from uuid import uuid4

import typer

from errand_cli import own_host, profile
from errand_cli.connection import Connection, connect
from errand_cli.exits import Exit
from errand_cli.output import say_no_more
from errand_cli.profile import Profile

Answer = TypeVar("Answer")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def with_scheduler(work: Callable[[Connection], Awaitable[Answer]]) -> Answer:
    """Do it over a line to the scheduler of the profile. Where nobody reads any more what it says, it is done. Raises
    ErrandError."""

    async def run() -> Answer:
        async with connect(whose(os.environ)) as connection:
            return await work(connection)

    try:
        answer = asyncio.run(run())
        sys.stdout.flush()
    except BrokenPipeError as exc:
        say_no_more()
        raise typer.Exit(Exit.DONE) from exc
    return answer


def new_request_id() -> str:
    """For one thing that is meant once, however often it is sent."""
    return f"cli-{uuid4().hex}"


def whose(environ: Mapping[str, str]) -> Profile:
    """Who signed in, or is named by the environment; where nobody is, the operator on the scheduler's own host."""
    if not profile.is_given(environ) and (operator := own_host.operator(environ)) is not None:
        return operator
    return profile.load(environ)
