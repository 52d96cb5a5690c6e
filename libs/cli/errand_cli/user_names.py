"""People by what they are called."""

from errand.v1.access_service_pb2 import Admission, ListUsersRequest, UserAccess
from errand_cli.connection import Connection
from errand_common.errors import NotFound

_PAGE = 100


async def identified(connection: Connection, name: str) -> str:
    """The id of who has this name at GitHub; an id, "me" and nobody are taken as they are. Raises NotFound."""
    if name in ("", "me") or name.startswith("usr_"):
        return name
    known, _, _ = await every(connection)
    for each in known:
        if each.user.github_username.lower() == name.lower():
            return each.user.user_id
    raise NotFound(f"nobody called {name[:40]} has signed in yet; errand user list shows who has")


async def every(connection: Connection) -> tuple[list[UserAccess], list[Admission], list[str]]:
    """Who has signed in, who is let in or shut out by name, and whom the setting names."""
    users: list[UserAccess] = []
    admissions: list[Admission] = []
    named: list[str] = []
    async for page in connection.pages(connection.access.ListUsers, ListUsersRequest(page_size=_PAGE)):
        users += page.users
        admissions += page.admissions
        named += page.github_usernames_of_the_setting
    return users, admissions, named
