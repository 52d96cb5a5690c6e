"""git over HTTP: the smart protocol, served by git itself on the bare repositories."""

from aiohttp import web

from tests.standins.github import workflows
from tests.standins.github.access import Access
from tests.standins.github.accounts import Accounts, Token
from tests.standins.github.authorization import basic_credentials
from tests.standins.github.git_service import Service, advertise, serve
from tests.standins.github.repositories import Repositories, Repository
from tests.standins.github.rights import Right

_NEEDED = {Service.UPLOAD_PACK: Right.READ, Service.RECEIVE_PACK: Right.PUSH}


class SmartHttp:
    """The token is the password; any user name goes with it."""

    def __init__(self, accounts: Accounts, repositories: Repositories, access: Access) -> None:
        self._accounts = accounts
        self._repositories = repositories
        self._access = access

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/{owner}/{name}/info/refs", self.references, allow_head=False),
            web.post("/{owner}/{name}/{service:git-upload-pack|git-receive-pack}", self.exchange),
        ]

    async def references(self, request: web.Request) -> web.StreamResponse:
        try:
            service = Service(request.query.get("service", ""))
        except ValueError as exc:
            raise web.HTTPForbidden(text="Please upgrade your git client: only smart HTTP is spoken here.") from exc
        return await advertise(request, self._admitted(request, service), service)

    async def exchange(self, request: web.Request) -> web.StreamResponse:
        service = Service(request.match_info["service"])
        repository = self._admitted(request, service)
        if request.content_type != f"application/x-{service}-request":
            raise web.HTTPUnsupportedMediaType(text=f"A {service} request is expected.")
        return await serve(request, repository, service, workflows_refused=self._workflows_refused(request, repository))

    def _admitted(self, request: web.Request, service: Service) -> Repository:
        """The repository in the path. Raises 401 for no or bad credentials, 404 unless it can be read, 403 for a push
        that is not allowed; git shows the words to its user."""
        full_name = f"{request.match_info['owner']}/{request.match_info['name'].removesuffix('.git')}"
        before = self._repositories.moved(full_name)
        repository = before or self._repositories.find(full_name)
        token = self._token(request)
        right = self._access.right_of(token, repository) if repository else Right.NONE
        if token is None and right < _NEEDED[service]:
            raise _unauthorized("Authentication is required.")
        if repository is None or right is Right.NONE or repository.blocked:
            raise web.HTTPNotFound(text="Repository not found.")
        if token is not None and right < _NEEDED[service]:
            raise web.HTTPForbidden(text=f"Permission to {repository.full_name}.git denied to {token.login}.")
        if before is not None:
            rest = request.path_qs.split("/", 3)[3]
            raise web.HTTPMovedPermanently(f"{request.url.origin()}/{repository.full_name}.git/{rest}")
        if repository.archived and service is Service.RECEIVE_PACK:
            raise web.HTTPForbidden(text="This repository was archived so it is read-only.")
        return repository

    def _workflows_refused(self, request: web.Request, repository: Repository) -> str:
        token = self._token(request)
        return workflows.refusal(token, self._access.behind(token, repository)) if token else ""

    def _token(self, request: web.Request) -> Token | None:
        header = request.headers.get("Authorization", "")
        credentials = basic_credentials(header)
        token = self._accounts.token(credentials[1]) if credentials else None
        if header and token is None:
            raise _unauthorized("Invalid username or token.")
        return token


def _unauthorized(words: str) -> web.HTTPUnauthorized:
    return web.HTTPUnauthorized(text=words, headers={"WWW-Authenticate": 'Basic realm="GitHub"'})
