"""What all commands share: the option for scripts, and a line to the scheduler while one runs."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import uuid4

import typer

from errand_cli import profile
from errand_cli.connection import Connection, connect

Answer = TypeVar("Answer")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def with_scheduler(work: Callable[[Connection], Awaitable[Answer]]) -> Answer:
    """Do it over a line to the scheduler of the profile. Raises ErrandError."""

    async def run() -> Answer:
        async with connect(profile.load(os.environ)) as connection:
            return await work(connection)

    return asyncio.run(run())


def new_request_id() -> str:
    """For one thing that is meant once, however often it is sent."""
    return f"cli-{uuid4().hex}"
