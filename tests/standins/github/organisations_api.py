"""REST: the organisations of the signed-in person."""

from aiohttp import web

from tests.standins.github.access import Access
from tests.standins.github.accounts import Accounts
from tests.standins.github.rest import caller_of
from tests.standins.github.rest_errors import ApiError

_DOCS = "/orgs/orgs#list-organizations-for-the-authenticated-user"
_SCOPES = {"user", "read:org"}


class OrganisationsApi:
    def __init__(self, accounts: Accounts, access: Access) -> None:
        self._accounts = accounts
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/user/orgs", self.list_organisations)]

    async def list_organisations(self, request: web.Request) -> web.Response:
        user = self._access.user(request, _DOCS)
        token = caller_of(request).token
        if token and token.scopes is not None and not _SCOPES & set(token.scopes):
            raise ApiError(403, "You need at least read:org scope or user scope to list your organizations", docs=_DOCS)
        return web.json_response([{"login": name} for name in self._accounts.organisations_of(user.login)])
