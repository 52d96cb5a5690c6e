"""REST for apps: where they are installed, their tokens and the end of those."""

from collections.abc import Mapping

from aiohttp import web

from tests.standins.github.access import Access
from tests.standins.github.accounts import Accounts
from tests.standins.github.apps import Apps, Installation
from tests.standins.github.assertions import app_of
from tests.standins.github.by_id import address_by_id
from tests.standins.github.clock import Clock, rfc3339
from tests.standins.github.repositories import Repositories, Repository
from tests.standins.github.rest import addresses_of, caller_of, json_body
from tests.standins.github.rest_errors import ApiError, moved, not_found
from tests.standins.github.rights import Right
from tests.standins.github.shapes import Json, repository_json

_INSTALLATION_DOCS = "/apps/apps#get-a-repository-installation-for-the-authenticated-app"
_TOKEN_DOCS = "/apps/apps#create-an-installation-access-token-for-an-app"
_REVOKE_DOCS = "/apps/installations#revoke-an-installation-access-token"
_FIELDS = {"repositories", "repository_ids", "permissions"}
_LEVELS = ("read", "write")


class AppsApi:
    def __init__(self, apps: Apps, accounts: Accounts, repositories: Repositories, access: Access, now: Clock) -> None:
        self._apps = apps
        self._accounts = accounts
        self._repositories = repositories
        self._access = access
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/app", self.get_app),
            web.get("/repos/{owner}/{name}/installation", self.get_installation),
            web.post(r"/app/installations/{id:\d+}/access_tokens", self.create_token),
            web.delete("/installation/token", self.revoke_token),
        ]

    async def get_app(self, request: web.Request) -> web.Response:
        app = app_of(request, self._apps, self._now)
        return web.json_response(
            {
                "id": app.id,
                "slug": app.slug,
                "client_id": app.client_id,
                "name": app.slug,
                "html_url": f"{addresses_of(request).web}/apps/{app.slug}",
                "permissions": dict(app.permissions),
                "events": [],
            }
        )

    async def get_installation(self, request: web.Request) -> web.Response:
        app = app_of(request, self._apps, self._now)
        repository, has_moved = self._access.named(request)
        installation = self._apps.on(app, repository) if repository else None
        if repository is None or installation is None:
            raise not_found(_INSTALLATION_DOCS)
        if has_moved:
            raise moved(request.method, address_by_id(request, repository))
        return web.json_response(self._installation_json(request, installation))

    async def create_token(self, request: web.Request) -> web.Response:
        """Only what the installation has: everything where nothing is named."""
        app = app_of(request, self._apps, self._now)
        installation = self._apps.find(app, int(request.match_info["id"]))
        if installation is None:
            raise not_found(_TOKEN_DOCS)
        if installation.suspended:
            raise ApiError(403, "This installation has been suspended", docs=_TOKEN_DOCS)
        body = await json_body(request, _TOKEN_DOCS)
        if unknown := set(body) - _FIELDS:
            raise ApiError(422, f'Invalid request.\n\n"{sorted(unknown)[0]}" is not a permitted key.', docs=_TOKEN_DOCS)
        repositories = self._named(body, installation)
        permissions = _permissions(body, installation)
        token = self._apps.mint(installation, frozenset(each.full_name.lower() for each in repositories), permissions)
        assert token.expires is not None
        answer: Json = {
            "token": token.value,
            "expires_at": rfc3339(token.expires),
            "permissions": dict(permissions),
            "repository_selection": "selected",
            "repositories": [repository_json(each, Right.PUSH, 0, addresses_of(request)) for each in repositories],
        }
        return web.json_response(answer, status=201)

    async def revoke_token(self, request: web.Request) -> web.Response:
        """The token that the call is made with."""
        token = caller_of(request).token
        if token is None or token.reach is None:
            raise ApiError(403, "Resource not accessible by personal access token", docs=_REVOKE_DOCS)
        self._accounts.revoke_token(token.value)
        return web.Response(status=204)

    def _named(self, body: Json, installation: Installation) -> list[Repository]:
        names, ids = body.get("repositories"), body.get("repository_ids")
        held = [each for name in sorted(installation.repositories) if (each := self._repositories.find(name))]
        if names is None and ids is None:
            return held
        wanted = [*(names if isinstance(names, list) else []), *(ids if isinstance(ids, list) else [])]
        found = [each for each in held if each.name in wanted or each.id in wanted]
        if not wanted or len(found) < len(wanted):
            words = (
                "There is at least one repository that does not exist or is not accessible to the parent installation."
            )
            raise ApiError(422, words, docs=_TOKEN_DOCS)
        return found

    def _installation_json(self, request: web.Request, installation: Installation) -> Json:
        web_address = addresses_of(request).web
        return {
            "id": installation.id,
            "account": {"login": installation.account, "type": "User"},
            "app_id": installation.app.id,
            "app_slug": installation.app.slug,
            "repository_selection": "selected",
            "html_url": f"{web_address}/settings/installations/{installation.id}",
            "permissions": dict(installation.permissions),
            "events": [],
            "suspended_at": rfc3339(self._now()) if installation.suspended else None,
        }


def _permissions(body: Json, installation: Installation) -> Mapping[str, str]:
    wanted = body.get("permissions")
    if wanted is None:
        return installation.permissions
    if not isinstance(wanted, dict) or not all(level in _LEVELS for level in wanted.values()):
        raise ApiError(422, 'Invalid request.\n\nInvalid property in "permissions".', docs=_TOKEN_DOCS)
    for name, level in wanted.items():
        if installation.permissions.get(name) not in (level, "write"):
            raise ApiError(422, "The permissions requested are not granted to this installation.", docs=_TOKEN_DOCS)
    return {**wanted, "metadata": "read"}
