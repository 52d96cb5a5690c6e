"""What all commands share: the option for scripts, and a line to the scheduler while one runs."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, TypeVar
from uuid import uuid4

import typer

from errand_cli import own_host, profile
from errand_cli.connection import Connection, connect
from errand_cli.profile import Profile

Answer = TypeVar("Answer")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def with_scheduler(work: Callable[[Connection], Awaitable[Answer]]) -> Answer:
    """Do it over a line to the scheduler of the profile. Raises ErrandError."""

    async def run() -> Answer:
        async with connect(_whose(os.environ)) as connection:
            return await work(connection)

    return asyncio.run(run())


def new_request_id() -> str:
    """For one thing that is meant once, however often it is sent."""
    return f"cli-{uuid4().hex}"


def _whose(environ: Mapping[str, str]) -> Profile:
    """Who signed in, or is named by the environment; where nobody is, the operator on the scheduler's own host."""
    if not profile.is_given(environ) and (operator := own_host.operator(environ)) is not None:
        return operator
    return profile.load(environ)
