"""Projects by what people call them."""

from errand.v1.account_service_pb2 import ListProjectsRequest
from errand.v1.task_pb2 import Project
from errand_cli.connection import Connection
from errand_common.errors import Denied, NotFound

_PAGE = 100
_NAMED = 10


async def every(connection: Connection) -> list[Project]:
    """The caller's, newest first."""
    pages = connection.pages(connection.accounts.ListProjects, ListProjectsRequest(page_size=_PAGE))
    return [project async for page in pages for project in page.projects]


async def names(connection: Connection) -> dict[str, str]:
    """Their repositories by id; none where the token may not read projects."""
    try:
        return {each.project_id: each.repository for each in await every(connection)}
    except Denied:
        return {}


async def named(connection: Connection, name: str) -> str:
    """The id of the project of a repository, "owner/name"; an id is taken as it is. Raises NotFound."""
    return name if name.startswith("prj_") else (await one(connection, name)).project_id


async def one(connection: Connection, name: str) -> Project:
    """That of a repository, or with this id. Raises NotFound."""
    known = await every(connection)
    for project in known:
        if name in (project.project_id, project.repository) or project.repository.lower() == name.lower():
            return project
    there = ", ".join(project.repository for project in known[:_NAMED]) or "none yet"
    raise NotFound(f"you have no project of {name[:100]}; there is {there}. errand project add makes one")
