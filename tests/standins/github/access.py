"""Who calls the REST interface and what they may do."""

from collections.abc import Mapping

import structlog
from aiohttp import web

from tests.standins.github.accounts import Accounts, Token, User
from tests.standins.github.apps import Apps
from tests.standins.github.by_id import address_by_id
from tests.standins.github.repositories import Repositories, Repository
from tests.standins.github.rest import caller_of
from tests.standins.github.rest_errors import ApiError, blocked, moved, not_found, sign_in_required
from tests.standins.github.rights import Right, right_of

log = structlog.get_logger()


class Access:
    """Answers who calls and what they may do, or refuses as GitHub does."""

    def __init__(self, accounts: Accounts, repositories: Repositories, apps: Apps) -> None:
        self._accounts = accounts
        self._repositories = repositories
        self._apps = apps

    def user(self, request: web.Request, docs: str) -> User:
        """Raises ApiError 401 without a token, 403 for an app, which is nobody."""
        token = caller_of(request).token
        if token and token.reach is not None:
            raise _not_for_apps(docs)
        user = self._accounts.user(token.login) if token else None
        if user is None:
            raise sign_in_required(docs)
        return user

    def repository(self, request: web.Request, docs: str) -> tuple[Repository, Right]:
        """The repository in the path and the caller's right, at least to read. Raises ApiError 404, 451, and 301 or 307
        under a name that it had before."""
        repository, has_moved = self.named(request)
        if repository is None:
            raise not_found(docs)
        right = self.right(request, repository)
        if right is Right.NONE:
            raise not_found(docs)
        if has_moved:
            raise moved(request.method, address_by_id(request, repository))
        if repository.blocked:
            raise blocked()
        return repository, right

    def named(self, request: web.Request) -> tuple[Repository | None, bool]:
        """Whatever the caller's right: the repository in the path, and whether that is a name of earlier times."""
        if (repository_id := request.match_info.get("repository_id")) is not None:
            return self._repositories.by_id(int(repository_id)), False
        full_name = f"{request.match_info['owner']}/{request.match_info['name']}"
        before = self._repositories.moved(full_name)
        return before or self._repositories.find(full_name), before is not None

    def author(self, request: web.Request, docs: str, *, permission: str, repository: Repository) -> User:
        """Who writes: the person, or the app's bot. Raises ApiError 401, and 403 where an app lacks the permission."""
        token = caller_of(request).token
        if token and (token.reach is not None or token.scopes is None):
            if self.behind(token, repository).get(permission) != "write":
                raise _not_for_apps(docs)
            return self._accounts.add_user(token.login)
        return self.user(request, docs)

    def right(self, request: web.Request, repository: Repository) -> Right:
        token = caller_of(request).token
        granted = self._repositories.granted(token.login, repository) if token else Right.NONE
        right = self.right_of(token, repository)
        if right < granted:
            log.warning("token_scopes_too_narrow", repository=repository.full_name, granted=granted.name)
        return right

    def right_of(self, token: Token | None, repository: Repository) -> Right:
        """What a token, or nobody, may do with a repository."""
        granted = self._repositories.granted(token.login, repository) if token else Right.NONE
        behind = self.behind(token, repository) if token else {}
        return right_of(token, granted, private=repository.private, behind=behind)

    def behind(self, token: Token, repository: Repository) -> Mapping[str, str]:
        """The permissions of the app that stands behind a token; none where none does."""
        if token.reach is not None:
            return self._apps.granted(token, repository)
        return self._apps.behind(token.client_id, repository) if token.client_id else {}


def _not_for_apps(docs: str) -> ApiError:
    return ApiError(403, "Resource not accessible by integration", docs=docs)
