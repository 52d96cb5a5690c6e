"""What a shell completes of what the scheduler knows; nothing, and no word of it, where that does not answer soon."""

import asyncio
import os
from collections.abc import Awaitable, Callable

from errand.v1.fleet_service_pb2 import ListRunnersRequest
from errand.v1.task_service_pb2 import ListTasksRequest
from errand_cli import project_names
from errand_cli.connection import Connection, connect
from errand_cli.output import first_line
from errand_cli.running import whose
from errand_common.errors import ErrandError

# A person waits for it with a finger on the key.
_PATIENCE_S = 2.0
_TASKS = 50
_Offers = list[tuple[str, str]]


def runners(incomplete: str) -> _Offers:
    """Their names."""

    async def known(connection: Connection) -> _Offers:
        found = await connection.ask(connection.fleet.ListRunners, ListRunnersRequest())
        return [(each.name, each.condition_words or "is ready") for each in found.runners]

    return _offered(incomplete, known)


def tasks(incomplete: str) -> _Offers:
    """The ids of the newest, with what they are about."""

    async def known(connection: Connection) -> _Offers:
        found = await connection.ask(connection.tasks.ListTasks, ListTasksRequest(page_size=_TASKS))
        return [(each.task_id, first_line(each.prompt, most=60)) for each in found.tasks]

    return _offered(incomplete, known)


def projects(incomplete: str) -> _Offers:
    """Their repositories."""

    async def known(connection: Connection) -> _Offers:
        return [(each.repository, "") for each in await project_names.every(connection)]

    return _offered(incomplete, known)


def _offered(incomplete: str, known: Callable[[Connection], Awaitable[_Offers]]) -> _Offers:
    async def run() -> _Offers:
        async with asyncio.timeout(_PATIENCE_S), connect(whose(os.environ)) as connection:
            return await known(connection)

    try:
        found = asyncio.run(run())
    except (ErrandError, TimeoutError):
        return []
    return [each for each in found if each[0].startswith(incomplete)]
